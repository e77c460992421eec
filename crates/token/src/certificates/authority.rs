//! A certificate authority for sandboxes and tests: a root, an issuing authority below it, and certificates in the
//! profiles of the real ones. Nothing it issues is trusted anywhere but where its root is.

use std::ops::Range;

use model::OrgNumber;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};

use super::CertificateError;
use crate::keys::SigningKey;

/// What a certificate looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// The older Norwegian profile: the organisation's number is the subject's `serialNumber`.
    SerialNumber,
    /// SEID 2.0: `organizationIdentifier` is `NTRNO-` and the number.
    OrganizationIdentifier,
    /// A certificate for encryption, which must not sign.
    Encryption,
    /// A certificate of a web server, with which it may also authenticate as a client.
    Server,
    /// A certificate that names no organisation.
    Nameless,
    /// As the older Norwegian profile, from another country.
    Foreign,
}

/// Whom a certificate is for.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The organisation's number.
    pub organisation: OrgNumber,
    /// The organisation's name.
    pub name: String,
    /// The certificate's profile.
    pub profile: Profile,
}

/// Issues certificates.
pub struct Authority {
    root: CertifiedIssuer<'static, SigningKey>,
    issuing: CertifiedIssuer<'static, SigningKey>,
}

impl Authority {
    /// A new authority, valid for thirty years from the beginning of `year`.
    pub fn new(year: i32) -> Result<Self, CertificateError> {
        let params = |name: &str, serial: u64| {
            let mut params = CertificateParams::default();
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
            params.serial_number = Some(SerialNumber::from(serial));
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            params.not_before = date_time_ymd(year, 1, 1);
            params.not_after = date_time_ymd(year + 30, 1, 1);
            params
        };
        // RSA, as the real ones: clients' libraries do not all know other kinds.
        let key = || SigningKey::generate(2048).map_err(|_| CertificateError);
        let root = CertifiedIssuer::self_signed(params("Systembruker test root", 1), key()?);
        let root = root.map_err(|_| CertificateError)?;
        let issuing = CertifiedIssuer::signed_by(params("Systembruker test authority", 2), key()?, &root);
        Ok(Self { issuing: issuing.map_err(|_| CertificateError)?, root })
    }

    /// The root, to be trusted.
    pub fn root_pem(&self) -> String {
        to_pem(self.root.der())
    }

    /// The authority that issues.
    pub fn issuing_pem(&self) -> String {
        to_pem(self.issuing.der())
    }

    /// Issues a certificate for a key, valid from the beginning of the one year to that of the other: the chain without
    /// the root, in PEM form.
    pub fn issue(
        &self,
        key: &SigningKey,
        subject: &Subject,
        years: Range<i32>,
        serial: u64,
    ) -> Result<String, CertificateError> {
        let mut params = CertificateParams::default();
        let mut name = DistinguishedName::new();
        name.push(DnType::CountryName, if subject.profile == Profile::Foreign { "SE" } else { "NO" });
        name.push(DnType::OrganizationName, &*subject.name);
        name.push(DnType::CommonName, &*subject.name);
        let number = subject.organisation.to_string();
        match subject.profile {
            Profile::OrganizationIdentifier => {
                name.push(DnType::CustomDnType(vec![2, 5, 4, 97]), format!("NTRNO-{number}"));
            }
            Profile::Nameless => {}
            Profile::SerialNumber | Profile::Encryption | Profile::Server | Profile::Foreign => {
                name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), number);
            }
        }
        params.distinguished_name = name;
        params.serial_number = Some(SerialNumber::from(serial));
        params.use_authority_key_identifier_extension = true;
        params.not_before = date_time_ymd(years.start, 1, 1);
        params.not_after = date_time_ymd(years.end, 1, 1);
        params.key_usages = match subject.profile {
            Profile::Encryption => vec![KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::DataEncipherment],
            Profile::OrganizationIdentifier => vec![KeyUsagePurpose::ContentCommitment],
            _ => vec![KeyUsagePurpose::DigitalSignature],
        };
        params.extended_key_usages = match subject.profile {
            Profile::Server => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
            Profile::SerialNumber => vec![ExtendedKeyUsagePurpose::ClientAuth],
            _ => vec![],
        };
        let certificate = params.signed_by(key, &self.issuing).map_err(|_| CertificateError)?;
        Ok(format!("{}{}", to_pem(certificate.der()), self.issuing_pem()))
    }

    /// The revocation lists of both authorities, in DER form, valid in `year` and the next. Serial numbers are of
    /// certificates that were issued with [`Authority::issue`].
    pub fn revocation_lists(&self, revoked: &[u64], year: i32) -> Result<Vec<Vec<u8>>, CertificateError> {
        let list = |issuer: &CertifiedIssuer<'static, SigningKey>, revoked: &[u64]| {
            let revoked = revoked.iter().map(|serial| RevokedCertParams {
                serial_number: SerialNumber::from(*serial),
                revocation_time: date_time_ymd(year, 1, 1),
                reason_code: None,
                invalidity_date: None,
            });
            let params = CertificateRevocationListParams {
                this_update: date_time_ymd(year, 1, 1),
                next_update: date_time_ymd(year + 2, 1, 1),
                crl_number: SerialNumber::from(1),
                issuing_distribution_point: None,
                revoked_certs: revoked.collect(),
                key_identifier_method: KeyIdMethod::Sha256,
            };
            params.signed_by(issuer).map(|list| list.der().to_vec()).map_err(|_| CertificateError)
        };
        Ok(vec![list(&self.root, &[])?, list(&self.issuing, revoked)?])
    }
}

fn to_pem(der: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new("CERTIFICATE", der), config)
}
