//! Enterprise certificates (virksomhetssertifikat): grants whose header has the signer's certificate (`x5c`, RFC 7515
//! §4.1.6) instead of the name of a registered key.
//!
//! Two profiles are in use, both from Norwegian certificate authorities. The older one has the organisation's number as
//! the subject's `serialNumber`; the newer (SEID 2.0, after ETSI EN 319 412-1) has it as `organizationIdentifier`, in the
//! form `NTRNO-` and nine digits. [`CertificateChain`] reads a chain without believing it; [`EnterpriseCertificates`]
//! says whether it leads to a root that is trusted, is valid now, and is not revoked. [`authority`] issues certificates
//! for trying things out.

pub mod authority;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use model::OrgNumber;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyUsagePurpose, SerialNumber};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use serde_json::Value;
use thiserror::Error;
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, ExtendedKeyUsageValidator, KeyPurposeIdIter,
    OwnedCertRevocationList, RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::{OID_X509_COUNTRY_NAME, OID_X509_SERIALNUMBER, Oid};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::{asn1_rs::oid, x509::X509Name};

use crate::keys::{Algorithm, KeyError, SigningKey, VerifyingKey};

/// `organizationIdentifier` (ITU-T X.520 §6.4.4).
const ORGANIZATION_IDENTIFIER: Oid<'static> = oid!(2.5.4.97);
/// How many certificates of a chain are looked at.
const MAX_CHAIN: usize = 6;
/// The largest certificate that is looked at, in bytes.
const MAX_CERTIFICATE: usize = 8 * 1024;

/// How authorities may have signed certificates and revocation lists.
const SIGNATURES: &[&dyn SignatureVerificationAlgorithm] = &[
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA384,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA512,
    webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    webpki::aws_lc_rs::ECDSA_P256_SHA256,
    webpki::aws_lc_rs::ECDSA_P384_SHA384,
];

/// Why `x5c` is no chain of certificates. Nothing of it is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MalformedChain {
    /// Not an array of one to six texts.
    #[error("x5c is an array of one to six texts, the signer's certificate first")]
    NotTexts,
    /// A text that is not base64 in the standard alphabet, or too long.
    #[error("a text of x5c is not a certificate in base64, in the standard alphabet")]
    Base64,
    /// Bytes that are no certificate.
    #[error("a text of x5c is not an X.509 certificate")]
    Certificate,
    /// The signer's key is not RSA.
    #[error("the certificate's key is not an RSA key")]
    NotRsa,
}

/// Why a certificate is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UntrustedCertificate {
    /// No roots are configured.
    #[error("enterprise certificates are not set up here; register a key and name it with kid")]
    NotSetUp,
    /// It does not lead to a root that is trusted.
    #[error("it does not lead to a trusted root; send the whole chain, and use a certificate of this environment")]
    UnknownIssuer,
    /// Its time is over.
    #[error("it has expired; sign with a new one")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet")]
    NotYetValid,
    /// Its authority has taken it back.
    #[error("it is revoked; sign with a new one")]
    Revoked,
    /// Whether it is revoked is not known.
    #[error(
        "whether it is revoked cannot be found out: the revocation lists that are configured here do not cover it or are too old"
    )]
    RevocationUnknown,
    /// It is for encryption or for a server.
    #[error("it is not for authentication or signing")]
    Usage,
    /// It is damaged or breaks a rule of its authority.
    #[error("it or its chain is not valid")]
    Invalid,
    /// It names no organisation.
    #[error("its subject has no Norwegian organisation number")]
    NoOrganisation,
}

/// A chain of certificates, the signer's first. Nothing of it is verified.
#[derive(Debug, Clone)]
pub struct CertificateChain {
    certificates: Vec<CertificateDer<'static>>,
    n: String,
    e: String,
    organisation: Option<OrgNumber>,
    may_sign: bool,
}

impl CertificateChain {
    /// Reads the `x5c` of a header or a key.
    pub fn from_x5c(x5c: &Value) -> Result<Self, MalformedChain> {
        let texts = x5c.as_array().filter(|texts| (1..=MAX_CHAIN).contains(&texts.len()));
        let texts = texts.ok_or(MalformedChain::NotTexts)?;
        let certificates = texts.iter().map(|text| {
            let text = text.as_str().ok_or(MalformedChain::NotTexts)?;
            if text.len() > MAX_CERTIFICATE * 2 {
                return Err(MalformedChain::Base64);
            }
            // RFC 7515 wants none, but clients that take certificates from PFX files leave line breaks in.
            let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            let der = STANDARD.decode(text).map_err(|_| MalformedChain::Base64)?;
            if der.len() > MAX_CERTIFICATE { Err(MalformedChain::Base64) } else { Ok(der) }
        });
        Self::from_der(certificates.collect::<Result<_, _>>()?)
    }

    /// Reads a chain from certificates in PEM form, the signer's first.
    pub fn from_pem(text: &str) -> Result<Self, MalformedChain> {
        let blocks = pem::parse_many(text).map_err(|_| MalformedChain::Certificate)?;
        let certificates = blocks.into_iter().filter(|block| block.tag() == "CERTIFICATE");
        Self::from_der(certificates.map(pem::Pem::into_contents).collect())
    }

    fn from_der(certificates: Vec<Vec<u8>>) -> Result<Self, MalformedChain> {
        for der in &certificates {
            if !X509Certificate::from_der(der).is_ok_and(|(rest, _)| rest.is_empty()) {
                return Err(MalformedChain::Certificate);
            }
        }
        let leaf = certificates.first().ok_or(MalformedChain::NotTexts)?;
        let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| MalformedChain::Certificate)?;
        let Ok(PublicKey::RSA(key)) = leaf.public_key().parsed() else { return Err(MalformedChain::NotRsa) };
        let usage = leaf.key_usage().map_err(|_| MalformedChain::Certificate)?;
        Ok(Self {
            n: URL_SAFE_NO_PAD.encode(without_zeros(key.modulus)),
            e: URL_SAFE_NO_PAD.encode(without_zeros(key.exponent)),
            organisation: organisation(leaf.subject()),
            may_sign: usage.is_none_or(|usage| usage.value.digital_signature() || usage.value.non_repudiation()),
            certificates: certificates.into_iter().map(CertificateDer::from).collect(),
        })
    }

    /// The chain as `x5c` writes it: base64 in the standard alphabet.
    pub fn to_x5c(&self) -> Vec<String> {
        self.certificates.iter().map(|certificate| STANDARD.encode(certificate)).collect()
    }

    /// The signer's key, for one algorithm.
    pub fn verifying_key(&self, algorithm: Algorithm) -> Result<VerifyingKey, KeyError> {
        VerifyingKey::new(algorithm, &self.n, &self.e)
    }

    /// Whether the signer's key has this modulus and exponent, each base64url without padding.
    pub fn is_for(&self, n: &str, e: &str) -> bool {
        self.n == n && self.e == e
    }

    /// The organisation that the signer's certificate names, if it names one.
    pub fn organisation(&self) -> Option<OrgNumber> {
        self.organisation
    }
}

fn without_zeros(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().skip_while(|byte| *byte == 0).collect()
}

/// The number of the organisation in the subject of a certificate. Where the subject names two, or one that cannot be
/// read, it names none.
fn organisation(subject: &X509Name<'_>) -> Option<OrgNumber> {
    let texts = |oid: &Oid<'_>| -> Option<Vec<String>> {
        subject.iter_by_oid(oid).map(|attribute| attribute.as_str().ok().map(str::to_owned)).collect()
    };
    match texts(&ORGANIZATION_IDENTIFIER)?.as_slice() {
        // Other countries number their organisations too, some with as many digits.
        [] if texts(&OID_X509_COUNTRY_NAME)? != ["NO"] => None,
        [] => match texts(&OID_X509_SERIALNUMBER)?.as_slice() {
            [number] => number.parse().ok(),
            _ => None,
        },
        [identifier] => identifier.strip_prefix("NTRNO-")?.parse().ok(),
        _ => None,
    }
}

/// What a certificate may be for: authentication of a client, or signatures; not the identity of a server alone.
struct ForSigning;

impl ExtendedKeyUsageValidator for ForSigning {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        // clientAuth, emailProtection (which authorities write for seals), anyExtendedKeyUsage, documentSigning (RFC 9336)
        const ACCEPTED: [&[usize]; 4] = [
            &[1, 3, 6, 1, 5, 5, 7, 3, 2],
            &[1, 3, 6, 1, 5, 5, 7, 3, 4],
            &[2, 5, 29, 37, 0],
            &[1, 3, 6, 1, 5, 5, 7, 3, 36],
        ];
        // A web server's certificate names an organisation as well, and is in the hands of whoever runs the server.
        const SERVER: &[usize] = &[1, 3, 6, 1, 5, 5, 7, 3, 1];
        let purposes = purposes.map(|purpose| Ok(purpose?.to_decoded_oid()));
        let purposes = purposes.collect::<Result<Vec<_>, webpki::Error>>()?;
        let accepted = purposes.iter().any(|purpose| ACCEPTED.contains(&purpose.as_slice()));
        let server = purposes.iter().any(|purpose| purpose == SERVER);
        if purposes.is_empty() || (accepted && !server) {
            Ok(())
        } else {
            Err(webpki::Error::UnsupportedCriticalExtension)
        }
    }
}

/// Why roots or revocation lists cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TrustError {
    /// A file that is not PEM or holds no certificate.
    #[error("the roots are not certificates in PEM form")]
    Roots,
    /// A file that is no revocation list.
    #[error("a revocation list is neither DER nor PEM (X509 CRL)")]
    RevocationList,
}

/// The roots that enterprise certificates must lead to, and what is known of revoked ones.
pub struct EnterpriseCertificates {
    roots: Vec<TrustAnchor<'static>>,
    /// `None` where revocation is not looked at, as in a sandbox.
    revocation_lists: Option<Vec<CertRevocationList<'static>>>,
}

impl EnterpriseCertificates {
    /// Trusts the certificates of a PEM text as roots, and does not look at revocation.
    pub fn new(roots: &str) -> Result<Self, TrustError> {
        let blocks = pem::parse_many(roots).map_err(|_| TrustError::Roots)?;
        let roots = blocks.into_iter().filter(|block| block.tag() == "CERTIFICATE").map(|block| {
            let certificate = CertificateDer::from(block.into_contents());
            webpki::anchor_from_trusted_cert(&certificate)
                .map(|anchor| anchor.to_owned())
                .map_err(|_| TrustError::Roots)
        });
        let roots = roots.collect::<Result<Vec<_>, _>>()?;
        if roots.is_empty() { Err(TrustError::Roots) } else { Ok(Self { roots, revocation_lists: None }) }
    }

    /// Looks at revocation in these lists, each DER or PEM, from now on. What they do not cover is refused, as is what
    /// only a list covers whose time is over.
    pub fn with_revocation_lists(mut self, lists: &[Vec<u8>]) -> Result<Self, TrustError> {
        let mut read = Vec::new();
        for bytes in lists {
            let blocks = pem::parse_many(bytes).unwrap_or_default();
            let blocks: Vec<_> = blocks.into_iter().filter(|block| block.tag() == "X509 CRL").collect();
            let ders = if blocks.is_empty() {
                vec![bytes.clone()]
            } else {
                blocks.into_iter().map(pem::Pem::into_contents).collect()
            };
            for der in ders {
                let list = OwnedCertRevocationList::from_der(&der).map_err(|_| TrustError::RevocationList)?;
                read.push(CertRevocationList::from(list));
            }
        }
        self.revocation_lists = Some(read);
        Ok(self)
    }

    /// Whether the chain is accepted at `now`, in seconds since 1970, and for which organisation.
    pub fn verify(&self, chain: &CertificateChain, now: i64) -> Result<OrgNumber, UntrustedCertificate> {
        let (leaf, others) = chain.certificates.split_first().ok_or(UntrustedCertificate::Invalid)?;
        let leaf = EndEntityCert::try_from(leaf).map_err(|_| UntrustedCertificate::Invalid)?;
        let since_epoch = std::time::Duration::from_secs(u64::try_from(now).unwrap_or(0));
        let time = UnixTime::since_unix_epoch(since_epoch);
        let lists: Option<Vec<&CertRevocationList<'_>>> =
            self.revocation_lists.as_ref().map(|lists| lists.iter().collect());
        let revocation = match &lists {
            None => None,
            Some(lists) => {
                let options =
                    RevocationOptionsBuilder::new(lists).map_err(|_| UntrustedCertificate::RevocationUnknown)?;
                Some(
                    options
                        .with_depth(RevocationCheckDepth::Chain)
                        .with_status_policy(UnknownStatusPolicy::Deny)
                        .with_expiration_policy(ExpirationPolicy::Enforce)
                        .build(),
                )
            }
        };
        leaf.verify_for_usage(SIGNATURES, &self.roots, others, time, ForSigning, revocation, None)
            .map_err(|error| untrusted(&error))?;
        if !chain.may_sign {
            return Err(UntrustedCertificate::Usage);
        }
        chain.organisation.ok_or(UntrustedCertificate::NoOrganisation)
    }
}

fn untrusted(error: &webpki::Error) -> UntrustedCertificate {
    use webpki::Error;
    match error {
        Error::CertExpired { .. } => UntrustedCertificate::Expired,
        Error::CertNotValidYet { .. } => UntrustedCertificate::NotYetValid,
        Error::CertRevoked => UntrustedCertificate::Revoked,
        Error::UnknownRevocationStatus | Error::CrlExpired { .. } => UntrustedCertificate::RevocationUnknown,
        // The second: an authority that only has the name of a trusted one.
        Error::UnknownIssuer | Error::InvalidSignatureForPublicKey => UntrustedCertificate::UnknownIssuer,
        // Only `ForSigning` says this of a certificate whose critical extensions webpki has accepted.
        Error::UnsupportedCriticalExtension => UntrustedCertificate::Usage,
        _ => UntrustedCertificate::Invalid,
    }
}

impl std::fmt::Debug for EnterpriseCertificates {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "EnterpriseCertificates({} roots)", self.roots.len())
    }
}

/// Why no certificate could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the certificate could not be made")]
pub struct CertificateError;

impl rcgen::PublicKeyData for SigningKey {
    fn der_bytes(&self) -> &[u8] {
        self.public_pkcs1()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl rcgen::SigningKey for SigningKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.sign_bytes(message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

/// How long the certificate of a signing key lasts: longer than any is used.
const SELF_SIGNED_YEARS: i32 = 20;

/// The certificate that a key signs for itself, as the one element of an `x5c`. It is always the same for the same key
/// and year, so that it need not be kept.
pub fn self_signed(key: &SigningKey, subject: &str, year: i32) -> Result<CertificateChain, CertificateError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    params.serial_number = Some(SerialNumber::from_slice(key.kid().as_bytes().get(..16).unwrap_or(b"1")));
    params.not_before = rcgen::date_time_ymd(year, 1, 1);
    params.not_after = rcgen::date_time_ymd(year + SELF_SIGNED_YEARS, 1, 1);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let certificate = params.self_signed(key).map_err(|_| CertificateError)?;
    CertificateChain::from_der(vec![certificate.der().to_vec()]).map_err(|_| CertificateError)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::authority::{Authority, Profile, Subject};
    use super::*;

    const NOW: i64 = 1_790_000_000;

    static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new(2026).unwrap());
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(2048).unwrap());

    fn subject(profile: Profile) -> Subject {
        Subject { organisation: "991825827".parse().unwrap(), name: "SmartCloud AS".into(), profile }
    }

    fn issue(profile: Profile, years: std::ops::Range<i32>) -> CertificateChain {
        CertificateChain::from_pem(&AUTHORITY.issue(&KEY, &subject(profile), years, 7).unwrap()).unwrap()
    }

    fn trusted() -> EnterpriseCertificates {
        EnterpriseCertificates::new(&AUTHORITY.root_pem()).unwrap()
    }

    #[test]
    fn both_profiles_name_their_organisation() {
        for profile in [Profile::SerialNumber, Profile::OrganizationIdentifier] {
            let chain = issue(profile, 2026..2029);
            assert_eq!(trusted().verify(&chain, NOW), Ok("991825827".parse().unwrap()));
            let again = CertificateChain::from_x5c(&chain.to_x5c().into()).unwrap();
            assert_eq!(again.organisation(), chain.organisation());
            assert!(again.is_for(&KEY.public_jwk().n, &KEY.public_jwk().e));
        }
    }

    #[test]
    fn the_leaf_alone_does_where_its_issuer_is_trusted() {
        let chain = issue(Profile::SerialNumber, 2026..2029);
        let leaf = CertificateChain::from_x5c(&serde_json::json!([chain.to_x5c()[0]])).unwrap();
        assert_eq!(trusted().verify(&leaf, NOW), Err(UntrustedCertificate::UnknownIssuer));
        let broken = chain.to_x5c()[0].replace('A', "A\r\n");
        assert!(CertificateChain::from_x5c(&serde_json::json!([broken])).is_ok());
        let both = format!("{}{}", AUTHORITY.root_pem(), AUTHORITY.issuing_pem());
        assert!(EnterpriseCertificates::new(&both).unwrap().verify(&leaf, NOW).is_ok());
    }

    #[test]
    fn what_is_not_accepted_says_why() {
        let refused = |chain: &CertificateChain| trusted().verify(chain, NOW).unwrap_err();
        assert_eq!(refused(&issue(Profile::SerialNumber, 2020..2023)), UntrustedCertificate::Expired);
        assert_eq!(refused(&issue(Profile::SerialNumber, 2028..2031)), UntrustedCertificate::NotYetValid);
        assert_eq!(refused(&issue(Profile::Encryption, 2026..2029)), UntrustedCertificate::Usage);
        assert_eq!(refused(&issue(Profile::Server, 2026..2029)), UntrustedCertificate::Usage);
        assert_eq!(refused(&issue(Profile::Foreign, 2026..2029)), UntrustedCertificate::NoOrganisation);
        assert_eq!(refused(&issue(Profile::Nameless, 2026..2029)), UntrustedCertificate::NoOrganisation);
        assert_eq!(refused(&self_signed(&KEY, "991825827", 2026).unwrap()), UntrustedCertificate::UnknownIssuer);
        let stranger = Authority::new(2026).unwrap();
        let foreign = stranger.issue(&KEY, &subject(Profile::SerialNumber), 2026..2029, 1).unwrap();
        let foreign = CertificateChain::from_pem(&foreign).unwrap();
        assert!(trusted().verify(&foreign, NOW).is_err());
    }

    #[test]
    fn revocation_is_looked_at_and_fails_closed() {
        let chain = issue(Profile::SerialNumber, 2026..2029);
        let with = |lists: Vec<Vec<u8>>| trusted().with_revocation_lists(&lists).unwrap().verify(&chain, NOW);
        let lists = |revoked: &[u64], year| AUTHORITY.revocation_lists(revoked, year).unwrap();
        assert!(with(lists(&[8], 2026)).is_ok());
        // Several in one file, as PEM.
        let bundle = lists(&[8], 2026).into_iter().map(|list| pem::encode(&pem::Pem::new("X509 CRL", list)));
        assert!(with(vec![bundle.collect::<String>().into_bytes()]).is_ok());
        assert_eq!(with(lists(&[7], 2026)), Err(UntrustedCertificate::Revoked));
        // A list that is too old, one that does not cover the issuer, none at all.
        assert_eq!(with(lists(&[], 2020)), Err(UntrustedCertificate::RevocationUnknown));
        assert_eq!(with(lists(&[], 2026)[1..].to_vec()), Err(UntrustedCertificate::RevocationUnknown));
        assert_eq!(with(vec![]), Err(UntrustedCertificate::RevocationUnknown));
    }

    #[test]
    fn what_is_no_chain_is_refused() {
        use serde_json::json;
        let chain = issue(Profile::SerialNumber, 2026..2029).to_x5c();
        let refused = |x5c: Value| CertificateChain::from_x5c(&x5c).unwrap_err();
        for wrong in [json!(chain[0]), json!([]), json!([1]), json!(vec![chain[0].clone(); 7]), json!(null)] {
            assert_eq!(refused(wrong), MalformedChain::NotTexts);
        }
        assert_eq!(refused(json!(["-----BEGIN"])), MalformedChain::Base64);
        assert_eq!(refused(json!(["A".repeat(12_000)])), MalformedChain::Base64);
        assert_eq!(refused(json!(["AAAA"])), MalformedChain::Certificate);
        assert!(EnterpriseCertificates::new("").is_err());
        assert!(EnterpriseCertificates::new(&AUTHORITY.root_pem().replace('A', "B")).is_err());
    }

    #[test]
    fn the_certificate_of_a_key_is_always_the_same() {
        let made = || self_signed(&KEY, "token signing", 2026).unwrap().to_x5c();
        assert_eq!(made(), made());
        assert!(CertificateChain::from_x5c(&made().into()).unwrap().is_for(&KEY.public_jwk().n, &KEY.public_jwk().e));
    }
}
