//! Clients that come in over TLS.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::access::{Scene, hang_up, shows};
use super::engine::{Engine, eventually};
use super::support::{run, text};
use super::wire::{Said, hello_bytes};
use ringfence_codec::wire::{ClientHello, ErrorCode, Reply, ReplyDecoder};

/// An authority that signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

impl Authority {
    pub fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    fn certify(&self, common_name: &str) -> (String, String) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// A certificate and its key, as files.
    pub fn files(&self, scene: &Scene, name: &str) -> (PathBuf, PathBuf) {
        let (certificate, key) = self.certify(name);
        let write = |end: &str, text: &str| scene.write(&format!("{name}-{end}.pem"), text);
        (write("cert", &certificate), write("key", &key))
    }

    /// What is said to `hello` over TLS; `None`: there was no connection.
    fn greet(&self, port: u16, shows: Option<&str>, hello: &ClientHello) -> Option<Said> {
        let mut authorities = RootCertStore::empty();
        authorities.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(authorities);
        let config = match shows {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let (certificate, key) = self.certify(name);
                let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut stream = StreamOwned::new(connection, tcp);
        stream.write_all(&hello_bytes(hello)).ok()?;
        let mut decoder = ReplyDecoder::new();
        loop {
            match decoder.next_reply().unwrap() {
                Some(Reply::Hello(hello)) => return Some(Said::Hello(hello)),
                Some(Reply::Error(error)) => return Some(Said::Error(error)),
                Some(_) => {}
                None => {
                    let count = stream.read(decoder.frames().spare()).ok().filter(|it| *it > 0)?;
                    decoder.frames().advance(count);
                }
            }
        }
    }
}

/// The port that the engine has chosen.
pub fn port_of(engine: &Engine) -> u16 {
    let said = engine.said();
    let rest = said.split("127.0.0.1:").nth(1).unwrap();
    rest.split(|it: char| !it.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[test]
fn over_tls_clients_are_known_by_token_or_certificate() {
    let scene = Scene::new();
    let token = scene.token("bridge", &["--role", "pay"]);
    let mut file = fs::read_to_string(scene.file()).unwrap();
    file += "\n[[principal]]\nname = \"desk\"\nroles = [\"read\"]\ncertificates = [\"cn:Desk\"]\n";
    scene.write("access.toml", &file);
    let ca = Authority::new();
    let (cert, key) = ca.files(&scene, "engine");
    let authorities = scene.write("ca.pem", &ca.pem);
    let tls = ["--tls-cert", text(&cert), "--tls-key", text(&key), "--tls-client-ca"];
    let more = [text(&authorities), "--listen", "127.0.0.1:0"];
    let mut engine = scene.start(&[&tls[..], &more].concat());
    let port = port_of(&engine);

    let is_hello = |said| matches!(said, Some(Said::Hello(_)));
    let is_unknown = |said| matches!(said, Some(Said::Error(error)) if error.code == ErrorCode::Unauthenticated as u16);
    assert!(is_hello(ca.greet(port, None, &shows(&token))));
    assert!(is_hello(ca.greet(port, Some("Desk"), &ClientHello::default())));
    assert!(is_unknown(ca.greet(port, None, &ClientHello::default())));
    assert!(is_unknown(ca.greet(port, None, &shows(b"rf_wrong"))));
    assert!(is_unknown(ca.greet(port, Some("Desk"), &shows(b"rf_wrong"))));
    assert!(is_unknown(ca.greet(port, Some("desk"), &ClientHello::default())));

    // In clear nobody is heard.
    let mut clear = TcpStream::connect(("127.0.0.1", port)).unwrap();
    clear.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    drop(clear.write_all(&hello_bytes(&shows(&token))));
    let mut said = Vec::new();
    drop(clear.read_to_end(&mut said));
    assert!(said.len() < 16, "a TLS alert, and nothing of the protocol: {said:?}");

    // New files hold for new connections.
    let other = Authority::new();
    other.files(&scene, "engine");
    hang_up(&engine);
    eventually("the new certificate is shown", || {
        is_hello(other.greet(port, None, &shows(&token)))
    });
    assert_eq!(ca.greet(port, None, &shows(&token)), None);
    engine.stop();
}

#[test]
fn what_other_machines_can_reach_needs_tls_and_an_access_file() {
    let scene = Scene::new();
    let data = scene.path("data");
    let ca = Authority::new();
    let (cert, key) = ca.files(&scene, "engine");
    let start = |more: &[&str]| {
        let listen = ["run", "--data-dir", text(&data), "--listen", "0.0.0.0:0"];
        run(&[&listen, more].concat())
    };
    let refused = start(&[]);
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("--tls-cert and --tls-key"), "{}", refused.stderr);
    let refused = start(&["--tls-cert", text(&cert), "--tls-key", text(&key)]);
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("an access file (--access)"), "{}", refused.stderr);
    assert!(!data.exists(), "nothing was made");
}
