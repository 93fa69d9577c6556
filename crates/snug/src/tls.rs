//! TLS from certificate files.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use snug_api::Tls;

use crate::config::TlsFiles;

/// Reads a certificate and its key.
///
/// # Errors
/// That a file cannot be read or holds something else, or that the two do not belong together.
pub(crate) fn read(files: &TlsFiles) -> Result<Tls> {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("the certificate {certificate} cannot be read"))?;
    ensure!(!chain.is_empty(), "{certificate} holds no certificate");
    let private = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("the certificate's key {key} cannot be read"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .with_context(|| {
            format!("the certificate {certificate} and the key {key} cannot be used together")
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
