//! Clients in Rust, and `submit` and `follow`, over TLS and with tokens.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::access::Scene;
use super::engine::Engine;
use super::support::{ringfence, run, text};
use super::tls::{Authority, port_of};
use super::wire::{account, lookup, policy};
use ringfence_client::{
    Address, AsyncClient, AsyncSession, AsyncSubscription, Client, ClientError, Delivered,
    ErrorCode, Followed, Options, ResumingSubscription, Session, SessionOptions, Start, Subscribe,
    Subscription, SubscriptionOptions, Tls, TlsFiles, Token, session_id,
};
use ringfence_types::{Command, Status};

/// An engine that speaks TLS, and what its clients need.
struct Secure {
    scene: Scene,
    authority: Authority,
    engine: Engine,
    address: Address,
    ca: PathBuf,
    token: Token,
}

impl Secure {
    fn start() -> Secure {
        let scene = Scene::new();
        let token = scene.token("bridge", &["--role", "operate,pay,read"]);
        let mut file = fs::read_to_string(scene.file()).unwrap();
        file += "\n[[principal]]\nname = \"desk\"\nroles = [\"read\", \"operate\"]\n";
        file += "certificates = [\"cn:Desk\"]\n";
        scene.write("access.toml", &file);
        let authority = Authority::new();
        let ca = scene.write("ca.pem", &authority.pem);
        let (engine, port) = serve(&scene, &authority, &ca, 0);
        Secure {
            scene,
            authority,
            engine,
            address: Address::Tcp(format!("localhost:{port}")),
            ca,
            token: Token::new(token).unwrap(),
        }
    }

    fn files(&self) -> TlsFiles {
        TlsFiles { ca: self.ca.clone(), ..TlsFiles::default() }
    }

    fn tls(&self) -> Option<Tls> {
        Some(self.files().load().unwrap())
    }

    /// TLS that shows a certificate of this name.
    fn tls_as(&self, name: &str) -> Option<Tls> {
        let (certificate, key) = self.authority.files(&self.scene, name);
        let files = TlsFiles { certificate: Some(certificate), key: Some(key), ..self.files() };
        Some(files.load().unwrap())
    }

    fn options(&self) -> Options {
        Options { token: self.token.clone(), tls: self.tls(), ..Options::default() }
    }

    fn named(&self, name: &str) -> SessionOptions {
        SessionOptions {
            session: session_id(name),
            token: self.token.clone(),
            tls: self.tls(),
            ..SessionOptions::default()
        }
    }

    fn follows(&self) -> SubscriptionOptions {
        SubscriptionOptions {
            token: self.token.clone(),
            tls: self.tls(),
            ..SubscriptionOptions::default()
        }
    }
}

/// An engine at this port of loopback; 0: any.
fn serve(scene: &Scene, authority: &Authority, ca: &Path, port: u16) -> (Engine, u16) {
    let (cert, key) = authority.files(scene, "engine");
    let listen = format!("127.0.0.1:{port}");
    let engine = scene.start(&[
        "--outcome-log",
        "--tls-cert",
        text(&cert),
        "--tls-key",
        text(&key),
        "--tls-client-ca",
        text(ca),
        "--listen",
        &listen,
    ]);
    let port = port_of(&engine);
    (engine, port)
}

fn accounts(ids: std::ops::RangeInclusive<u128>) -> Vec<Command> {
    ids.map(account).collect()
}

/// The sequence of the last outcome, up to `last`, of which none is missing.
fn follow_up_to(last: u64, mut next: impl FnMut() -> Followed) {
    let mut expected = 1;
    while expected <= last {
        if let Followed::Outcomes { first_sequence, outcomes } = next() {
            assert_eq!(first_sequence, expected);
            expected += outcomes.len() as u64;
        }
    }
}

#[test]
fn blocking_clients_come_in_over_tls_with_a_token() {
    let mut secure = Secure::start();
    let mut client = Client::connect_with(&secure.address, secure.options()).unwrap();
    // More than any buffer holds, both ways at once.
    for part in 0..4 {
        let first = 8192 * part + 1;
        let answers = client.execute(&accounts(first..=first + 8191)).unwrap();
        assert_eq!(answers.len(), 8192);
        assert!(answers.iter().take(100).all(|it| it.outcome.status() == Status::Created));
    }
    let found = client.execute(&[lookup(8192)]).unwrap();
    assert_eq!(found[0].bodies[0].body.account().id, 8192);
    drop(client);

    let session = Session::open(&secure.address, secure.named("tls")).unwrap();
    for _ in 0..100 {
        session.send(&[policy(1); 50], 0).unwrap();
    }
    let mut answered = 0;
    while answered < 5_000 {
        match session.receive().unwrap() {
            Delivered::Answer { .. } => answered += 1,
            Delivered::Connected(_) => {}
            other => panic!("{other:?}"),
        }
    }
    drop(session);

    let last = 4 * 8192 + 1 + 5_000;
    let wish = Subscribe::outcomes(Start::After(0));
    let options = secure.follows();
    let mut subscription = Subscription::open_with(&secure.address, &options, &wish).unwrap();
    follow_up_to(last, || {
        loop {
            if let Some(followed) = subscription.next_within(Duration::from_secs(5)).unwrap() {
                return followed;
            }
        }
    });
    secure.engine.stop();
}

#[tokio::test]
async fn awaiting_clients_come_in_over_tls_with_a_token() {
    let mut secure = Secure::start();
    let mut client = AsyncClient::connect_with(&secure.address, secure.options()).await.unwrap();
    for part in 0..4 {
        let first = 8192 * part + 1;
        let answers = client.execute(&accounts(first..=first + 8191)).await.unwrap();
        assert_eq!(answers.len(), 8192);
    }
    let mut session = AsyncSession::open(&secure.address, secure.named("tls")).await.unwrap();
    assert_eq!(session.execute(&[policy(1); 50]).await.unwrap().len(), 50);
    let wish = Subscribe::outcomes(Start::After(0));
    let opened = AsyncSubscription::open_with(&secure.address, &secure.follows(), &wish).await;
    let mut subscription = opened.unwrap();
    let mut expected = 1;
    while expected <= 4 * 8192 + 50 {
        if let Followed::Outcomes { first_sequence, outcomes } = subscription.next().await.unwrap()
        {
            assert_eq!(first_sequence, expected);
            expected += outcomes.len() as u64;
        }
    }
    secure.engine.stop();
}

#[test]
fn sessions_and_subscriptions_over_tls_outlive_an_engine() {
    let mut secure = Secure::start();
    let Address::Tcp(host_and_port) = &secure.address else { unreachable!("it is TCP") };
    let port: u16 = host_and_port.rsplit_once(':').unwrap().1.parse().unwrap();
    let session = Session::open(&secure.address, secure.named("outlives")).unwrap();
    let wish = Subscribe::outcomes(Start::After(0));
    let opened = ResumingSubscription::open(&secure.address, secure.follows(), wish);
    let mut subscription = opened.unwrap();
    assert_eq!(session.execute(&accounts(1..=10)).unwrap().len(), 10);
    secure.engine.kill();
    assert_eq!(session.send(&accounts(11..=20), 0).unwrap(), 2);
    secure.engine = serve(&secure.scene, &secure.authority, &secure.ca, port).0;
    let mut answered = 0;
    while answered < 10 {
        if let Delivered::Answer { number, answer, .. } = session.receive().unwrap() {
            assert_eq!((number, answer.outcome.status()), (2, Status::Created));
            answered += 1;
        }
    }
    follow_up_to(20, || subscription.next().unwrap().unwrap());
    assert_eq!(subscription.position(), 20);
    secure.engine.stop();
}

#[tokio::test]
async fn who_is_not_trusted_or_not_known_is_told_so_at_once() {
    let mut secure = Secure::start();
    let address = secure.address.clone();
    let desk = Options { tls: secure.tls_as("Desk"), ..Options::default() };
    let mut client = Client::connect_with(&address, desk.clone()).unwrap();
    assert_eq!(client.execute(&accounts(1..=1)).unwrap().len(), 1);
    AsyncClient::connect_with(&address, desk).await.unwrap();

    let is_unknown = |error: &ClientError| {
        matches!(error, ClientError::Refused { error, .. }
            if error.code == ErrorCode::Unauthenticated as u16)
    };
    let nobody = Options { tls: secure.tls(), ..Options::default() };
    assert!(is_unknown(&Client::connect_with(&address, nobody.clone()).unwrap_err()));
    assert!(is_unknown(&AsyncClient::connect_with(&address, nobody).await.unwrap_err()));

    // An authority that has signed nothing here, and a name that is not in the certificate.
    let stranger = secure.scene.write("stranger.pem", &Authority::new().pem);
    let stranger = TlsFiles { ca: stranger, ..TlsFiles::default() };
    let renamed = TlsFiles { server_name: Some("elsewhere".to_owned()), ..secure.files() };
    for files in [stranger, renamed] {
        let began = Instant::now();
        let tls = Some(files.load().unwrap());
        let token = secure.token.clone();
        let options = Options { tls: tls.clone(), token, ..Options::default() };
        let session = SessionOptions { tls: tls.clone(), ..secure.named("distrusts") };
        let follows = SubscriptionOptions { tls, ..secure.follows() };
        let wish = Subscribe::outcomes(Start::Now);
        let errors = [
            Client::connect_with(&address, options.clone()).unwrap_err(),
            AsyncClient::connect_with(&address, options).await.unwrap_err(),
            Session::open(&address, session.clone()).unwrap_err(),
            AsyncSession::open(&address, session).await.unwrap_err(),
            ResumingSubscription::open(&address, follows, wish).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, ClientError::Tls { .. }), "{error}");
            assert!(error.to_string().contains("certificate"), "{error}");
        }
        assert!(began.elapsed() < Duration::from_secs(30), "it does not try again");
    }

    // In clear nobody is heard, and waits for nothing.
    let clear = Options { token: secure.token.clone(), ..Options::default() };
    Client::connect_with(&address, clear).unwrap_err();
    secure.engine.stop();
}

#[test]
fn submit_and_follow_show_tokens_and_certificates() {
    let mut secure = Secure::start();
    let Address::Tcp(address) = secure.address.clone() else { unreachable!("it is TCP") };
    let made = run(&[
        "access",
        "token",
        "cli",
        "--role",
        "operate,read",
        "--access",
        text(&secure.scene.file()),
    ]);
    let token = made.stdout.trim();
    super::access::hang_up(&secure.engine);
    let token_file = secure.scene.write("token", &format!("{token}\n"));
    let input = secure
        .scene
        .write("input", "{\"op\":\"create_account\",\"id\":\"1\",\"ledger\":978,\"code\":1}\n");
    let tls = ["--connect", &address, "--tls-ca", text(&secure.ca)];
    let submit = |more: &[&str], variable: &str| {
        let mut command = ringfence(&[&["submit"], &tls[..], more, &[text(&input)]].concat());
        let output = command.env("RINGFENCE_TOKEN", variable).output().unwrap();
        super::support::Ran::from(output)
    };
    super::engine::eventually("the new token is known", || {
        submit(&["--token-file", text(&token_file)], "rf_wrong").status == 0
    });
    let sent = submit(&["--token-file", text(&token_file), "--session", "cli"], "");
    assert!(sent.stdout.contains("\"status\":\"exists\""), "{sent:?}");
    assert_eq!(submit(&[], token).status, 0, "the variable");
    let (certificate, key) = secure.authority.files(&secure.scene, "Desk");
    let shown = ["--tls-cert", text(&certificate), "--tls-key", text(&key)];
    assert_eq!(submit(&shown, "").status, 0, "the certificate");

    let refused = submit(&[], "rf_wrong");
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("error 18"), "{refused:?}");
    let elsewhere = submit(&["--tls-server-name", "elsewhere"], token);
    assert_eq!(elsewhere.status, 1);
    assert!(elsewhere.stderr.contains("certificate"), "{elsewhere:?}");

    let follow = [&["follow"], &tls[..], &["--until", "1", "--token-file", text(&token_file)]];
    let followed = run(&follow.concat());
    assert_eq!((followed.status, followed.lines().len()), (0, 1), "{followed:?}");
    fs::set_permissions(&token_file, fs::Permissions::from_mode(0o644)).unwrap();
    let open = run(&follow.concat());
    assert_eq!(open.status, 1);
    assert!(open.stderr.contains("has the rights 0644"), "{open:?}");
    secure.engine.stop();
}

#[test]
fn a_load_goes_over_tls_with_a_token() {
    let mut secure = Secure::start();
    let token = String::from_utf8(secure.token.to_bytes()).unwrap();
    let token_file = secure.scene.write("load-token", &token);
    let address = secure.address.to_string();
    let load = |more: &[&str]| {
        let fixed = ["bench", "wire", "--json", "--accounts", "100", "--connect", &address];
        run(&[&fixed[..], &["--tls-ca", text(&secure.ca), "--transfers", "4000"], more].concat())
    };
    let shown = ["--token-file", text(&token_file)];
    // Pieces that socket and TLS do not take at once, and many small ones.
    let shapes: [&[&str]; 2] = [
        &["--batch", "2000", "--window", "2"],
        &["--batch", "1", "--window", "64", "--clients", "3"],
    ];
    for shape in shapes {
        let ran = load(&[shape, &shown, &["--session", "--subscriber"]].concat());
        assert_eq!(ran.status, 0, "{ran:?}");
        let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let number = |key: &str| report[key].as_u64();
        assert_eq!((number("transfers"), number("refused")), (Some(4000), Some(0)), "{report}");
        assert!(report["subscriber_latency_ns"]["p50"].as_u64().unwrap() > 0, "{report}");
    }
    let refused = load(&["--batch", "100"]);
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("error 18"), "{refused:?}");
    secure.engine.stop();
}
