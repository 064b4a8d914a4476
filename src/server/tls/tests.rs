//! Clients of the real protocol, over real sockets.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream as BlockingTcp};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingUnix;
use std::path::{Path, PathBuf};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

use super::*;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_millis(300);
/// So long nothing is waited for in vain.
const PATIENCE: Duration = Duration::from_secs(20);

type Client = StreamOwned<ClientConnection, BlockingTcp>;

/// An authority, and a directory for what it makes.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    dir: TempDir,
}

impl Authority {
    fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem, dir: tempfile::tempdir().unwrap() }
    }

    /// A certificate and its key, in PEM.
    fn certify(&self, common_name: &str, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn files(&self, client_ca: bool) -> TlsFiles {
        let (certificate, key) = self.certify("engine", &["localhost"]);
        TlsFiles {
            certificate: self.write("cert.pem", &certificate),
            key: self.write("key.pem", &key),
            client_ca: client_ca.then(|| self.write("ca.pem", &self.pem)),
        }
    }

    /// What a client needs that trusts this authority, and shows a certificate if it has one.
    fn client(&self, shows: Option<(String, String)>) -> Arc<ClientConfig> {
        let mut authorities = RootCertStore::empty();
        authorities.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(authorities);
        Arc::new(match shows {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        })
    }
}

/// A door that speaks TLS.
struct Scene {
    authority: Authority,
    acceptor: TlsAcceptor,
    listener: TcpListener,
}

impl Scene {
    fn new() -> Scene {
        Scene::with_room_for(16)
    }

    fn with_room_for(connections: u32) -> Scene {
        let authority = Authority::new();
        let config = authority.files(true).load().unwrap();
        let acceptor = TlsAcceptor::new(config, HANDSHAKE_TIMEOUT, connections).unwrap();
        Scene { authority, acceptor, listener: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    /// A TCP connection, whose other end the acceptor has.
    fn connect(&self) -> (BlockingTcp, io::Result<(BlockingUnix, Arc<Handshake>)>) {
        let client = BlockingTcp::connect(self.listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let (stream, peer) = self.listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let accepted = self.acceptor.accept(TcpStream::from_std(stream), peer.to_string().into());
        let accepted = accepted.map(|(inside, handshake)| {
            let inside = BlockingUnix::from(std::os::fd::OwnedFd::from(inside));
            inside.set_nonblocking(false).unwrap();
            inside.set_read_timeout(Some(PATIENCE)).unwrap();
            (inside, handshake)
        });
        (client, accepted)
    }

    /// A client and the inside, with what its handshake shows once it is done.
    fn greet(&self, config: Arc<ClientConfig>) -> (Client, BlockingUnix, Arc<Handshake>) {
        let (tcp, accepted) = self.connect();
        let (inside, handshake) = accepted.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(config, name).unwrap();
        (StreamOwned::new(client, tcp), inside, handshake)
    }

    fn plain(&self) -> (Client, BlockingUnix) {
        let (client, inside, _) = self.greet(self.authority.client(None));
        (client, inside)
    }

    fn wait_until_empty(&self) {
        let start = Instant::now();
        while self.acceptor.shared.count.load(Ordering::Relaxed) > 0 {
            assert!(start.elapsed() < PATIENCE, "connections stay");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Bytes in which each place can be told from others.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 31 + index / 251) as u8).collect()
}

fn read_all(mut stream: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn what_each_side_says_arrives_whole_and_so_does_its_end() {
    let scene = Scene::new();
    let (mut client, mut inside) = scene.plain();
    client.write_all(b"question").unwrap();
    let mut bytes = [0; 8];
    inside.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"question");
    inside.write_all(b"answer").unwrap();
    client.read_exact(&mut bytes[..6]).unwrap();
    assert_eq!(&bytes[..6], b"answer");

    client.conn.send_close_notify();
    client.flush().unwrap();
    assert_eq!(inside.read(&mut bytes).unwrap(), 0, "the client's end is passed on");
    inside.write_all(b"still here").unwrap();
    inside.shutdown(Shutdown::Both).unwrap();
    assert_eq!(read_all(&mut client), b"still here", "and the other direction goes on");
    drop(client);
    scene.wait_until_empty();
}

#[test]
fn the_inside_may_end_first_and_still_hear_the_client() {
    let scene = Scene::new();
    let (mut client, mut inside) = scene.plain();
    client.write_all(b"a").unwrap();
    inside.read_exact(&mut [0; 1]).unwrap();
    inside.write_all(b"last words").unwrap();
    inside.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut client), b"last words");
    client.write_all(b"understood").unwrap();
    client.conn.send_close_notify();
    client.flush().unwrap();
    assert_eq!(read_all(&mut inside), b"understood");
    scene.wait_until_empty();
}

#[test]
fn much_goes_both_ways_at_once_though_both_sides_read_late() {
    const BYTES: usize = 12 * 1024 * 1024;
    let scene = Scene::new();
    let (mut client, inside) = scene.plain();
    let sent = pattern(BYTES);
    let (mut inside_reader, mut inside_writer) = (inside.try_clone().unwrap(), inside);
    let expected = sent.clone();
    let inside_hears = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        let mut bytes = vec![0; BYTES];
        inside_reader.read_exact(&mut bytes).unwrap();
        assert!(bytes == expected);
    });
    // The client writes all before it reads anything: the answers wait in the inside's socket.
    let answers = sent.clone();
    let inside_says = thread::spawn(move || {
        inside_writer.write_all(&answers).unwrap();
        inside_writer
    });
    client.write_all(&sent).unwrap();
    inside_hears.join().unwrap();
    let mut bytes = vec![0; BYTES];
    client.read_exact(&mut bytes).unwrap();
    assert!(bytes == sent);
    drop(inside_says.join().unwrap());
}

#[test]
fn who_does_not_read_is_not_read_for() {
    let scene = Scene::new();
    let (mut client, inside) = scene.plain();
    let writes = thread::spawn(move || client.write_all(&pattern(64 * 1024 * 1024)));
    thread::sleep(Duration::from_millis(500));
    assert!(!writes.is_finished(), "64 MiB were taken that nobody reads");
    drop(inside);
    scene.wait_until_empty();
    // The rest was thrown away, or found nobody.
    drop(writes.join().unwrap());
}

#[test]
fn a_certificate_is_known_before_the_first_byte() {
    let scene = Scene::new();
    let shows = scene.authority.certify("Desk One", &["desk.example", "two.example"]);
    let der = CertificateDer::from_pem_slice(shows.0.as_bytes()).unwrap();
    let (mut client, mut inside, handshake) = scene.greet(scene.authority.client(Some(shows)));
    assert_eq!(handshake.certificate(), None);
    client.write_all(b"a").unwrap();
    inside.read_exact(&mut [0; 1]).unwrap();
    let certificate = handshake.certificate().unwrap();
    assert_eq!(certificate.common_name.as_deref(), Some("Desk One"));
    assert_eq!(certificate.dns_names, ["desk.example", "two.example"]);
    let fingerprint = ring::digest::digest(&ring::digest::SHA256, &der);
    assert_eq!(certificate.fingerprint, fingerprint.as_ref());

    let (mut client, mut inside, handshake) = scene.greet(scene.authority.client(None));
    client.write_all(b"a").unwrap();
    inside.read_exact(&mut [0; 1]).unwrap();
    assert_eq!(handshake.certificate(), None, "who shows none has none");
}

#[test]
fn a_certificate_of_another_authority_ends_the_connection() {
    let scene = Scene::new();
    let stranger = Authority::new().certify("Desk One", &["desk.example"]);
    let (mut client, inside, handshake) = scene.greet(scene.authority.client(Some(stranger)));
    // The client's own part is done before the engine has judged it.
    let said = client.write_all(b"a").and_then(|()| client.read_exact(&mut [0; 1]));
    assert!(said.is_err());
    assert_eq!(read_all(inside), b"", "nothing of it came in");
    assert_eq!(handshake.certificate(), None);
    scene.wait_until_empty();
}

#[test]
fn a_handshake_that_takes_too_long_is_cut_off() {
    let scene = Scene::new();
    let (mut silent, accepted) = scene.connect();
    let (silent_inside, _) = accepted.unwrap();
    let (mut slow, accepted) = scene.connect();
    let (slow_inside, _) = accepted.unwrap();
    let start = Instant::now();
    // The beginning of a record that is never whole, a byte at a time.
    let mut sent = 0;
    while start.elapsed() < PATIENCE && slow.write_all(&[[22, 3, 1, 1, 0][sent.min(4)]]).is_ok() {
        sent += 1;
        thread::sleep(Duration::from_millis(10));
    }
    assert!(start.elapsed() >= HANDSHAKE_TIMEOUT && start.elapsed() < PATIENCE);
    assert_eq!(read_all(silent_inside), b"");
    assert_eq!(read_all(slow_inside), b"");
    assert!(matches!(silent.read(&mut [0; 1]), Ok(0) | Err(_)));
    scene.wait_until_empty();
}

#[test]
fn what_is_no_tls_never_reaches_the_inside() {
    let scene = Scene::new();
    for bytes in [pattern(64), b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0; 100_000]] {
        let (mut client, accepted) = scene.connect();
        // The other side may have ended before all of it is written.
        drop(client.write_all(&bytes));
        assert_eq!(read_all(accepted.unwrap().0), b"");
    }
    scene.wait_until_empty();
}

#[test]
fn bytes_that_were_changed_on_the_way_end_the_connection() {
    let scene = Scene::new();
    let (mut client, mut inside) = scene.plain();
    client.write_all(b"a").unwrap();
    inside.read_exact(&mut [0; 1]).unwrap();
    // A record as of the protocol, that nobody encrypted.
    client.sock.write_all(&[23, 3, 3, 0, 32]).unwrap();
    client.sock.write_all(&[0; 32]).unwrap();
    assert_eq!(read_all(inside), b"");
    scene.wait_until_empty();
}

#[test]
fn a_connection_that_the_inside_has_ended_does_not_stay_for_a_client_that_reads_nothing() {
    let scene = Scene::new();
    let (mut client, mut inside) = scene.plain();
    client.write_all(b"a").unwrap();
    inside.read_exact(&mut [0; 1]).unwrap();
    inside.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let piece = pattern(1024 * 1024);
    let full = (0..64).find_map(|_| inside.write_all(&piece).err());
    assert_eq!(full.unwrap().kind(), ErrorKind::WouldBlock, "64 MiB were taken for nobody");
    drop(inside);
    scene.wait_until_empty();
    drop(client);
}

#[test]
fn there_are_no_more_connections_than_allowed() {
    let scene = Scene::with_room_for(1);
    let (first, accepted) = scene.connect();
    let inside = accepted.unwrap();
    let error = scene.connect().1.unwrap_err();
    assert!(error.to_string().contains("1 TLS connections"), "{error}");
    drop((first, inside));
    scene.wait_until_empty();
    assert!(scene.connect().1.is_ok());
}

#[test]
fn new_files_hold_for_new_connections() {
    let scene = Scene::new();
    let (mut old, mut old_inside) = scene.plain();
    old.write_all(b"a").unwrap();
    old_inside.read_exact(&mut [0; 1]).unwrap();
    let other = Authority::new();
    scene.acceptor.replace(other.files(false).load().unwrap());
    let (mut client, _inside, _) = scene.greet(scene.authority.client(None));
    assert!(client.write_all(b"a").is_err(), "it does not know the new authority");
    let (mut client, mut inside, _) = scene.greet(other.client(None));
    client.write_all(b"b").unwrap();
    inside.read_exact(&mut [0; 1]).unwrap();
    old.write_all(b"still here").unwrap();
    old_inside.read_exact(&mut [0; 10]).unwrap();
}

#[test]
fn what_was_said_at_the_end_still_arrives() {
    let scene = Scene::new();
    let (mut client, mut inside) = scene.plain();
    client.write_all(b"a").unwrap();
    inside.read_exact(&mut [0; 1]).unwrap();
    let said = pattern(200_000);
    inside.write_all(&said).unwrap();
    drop(inside);
    let reads = thread::spawn(move || read_all(client));
    let start = Instant::now();
    drop(scene);
    assert!(start.elapsed() < DRAIN_MAX, "it ends as soon as all is sent");
    assert!(reads.join().unwrap() == said);
}

#[test]
fn files_with_a_mistake_are_named() {
    let authority = Authority::new();
    let good = authority.files(true);
    let none = authority.write("none.pem", "nothing in it\n");
    let other_key = authority.write("other.pem", &authority.certify("other", &[]).1);
    let missing = PathBuf::from("/nowhere.pem");
    let open = authority.write("open.pem", &fs::read_to_string(&good.key).unwrap());
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let said = |change: &dyn Fn(&mut TlsFiles)| {
        let mut files = good.clone();
        change(&mut files);
        files.load().unwrap_err().to_string()
    };
    let with = |path: &Path, said: String, reason: &str| {
        assert!(said.contains(&*path.to_string_lossy()) && said.contains(reason), "{said}");
    };
    with(&missing, said(&|files| files.certificate = missing.clone()), "No such file");
    with(&missing, said(&|files| files.key = missing.clone()), "No such file");
    with(&none, said(&|files| files.certificate = none.clone()), "no certificate");
    with(&none, said(&|files| files.client_ca = Some(none.clone())), "no certificate");
    with(&none, said(&|files| files.key = none.clone()), "");
    with(&open, said(&|files| files.key = open.clone()), "0644");
    with(&good.certificate, said(&|files| files.key = other_key.clone()), "");
    good.load().unwrap();
}
