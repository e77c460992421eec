//! JSON Web Signatures (RFC 7515) as Maskinporten uses them.
//!
//! * [`jws`] takes a compact serialisation apart, without believing anything it says;
//! * [`keys`] holds private and public RSA keys, each bound to one algorithm, and key sets (RFC 7517);
//! * [`grant`] reads and checks a JWT grant (RFC 7523), one function per rule;
//! * [`access_token`] is the token that Maskinporten issues and APIs read;
//! * `certificates` (a feature) reads and checks the enterprise certificates that grants may be signed with;
//! * `remote` (a feature) fetches another issuer's key set and keeps it.
//!
//! Which algorithm verifies a signature is decided by the key, never by the header: the header must agree. Nothing
//! here remembers that a grant was used; [`grant::Grant::replay_key`] and its `exp` say what is to be remembered and
//! for how long.

pub mod access_token;
#[cfg(feature = "certificates")]
pub mod certificates;
pub mod grant;
pub mod jws;
pub mod keys;
#[cfg(feature = "remote")]
pub mod remote;
