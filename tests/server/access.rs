//! Who may come in, and what each may do.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use tempfile::{TempDir, tempdir};

use super::engine::{Engine, eventually};
use super::support::{run, text};
use super::wire::{Said, Wire, account, hello_bytes, lookup, transfer};
use ringfence_codec::wire::{
    ClientHello, ErrorCode, Mode, Reply, ReplyDecoder, Start, Subscribe, encode_subscribe,
};
use ringfence_types::{Account, Command, Transfer};

/// A data directory, and an access file beside it.
pub struct Scene {
    folder: TempDir,
}

impl Scene {
    pub fn new() -> Scene {
        Scene { folder: tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn file(&self) -> PathBuf {
        self.path("access.toml")
    }

    /// Makes a token as people do.
    pub fn token(&self, name: &str, more: &[&str]) -> Vec<u8> {
        let file = self.file();
        let made = ["access", "token", name, "--access", text(&file)];
        let ran = run(&[&made, more].concat());
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        ran.stdout.trim_end().into()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub fn start(&self, more: &[&str]) -> Engine {
        let file = self.file();
        Engine::start(&self.path("data"), &[&["--access", text(&file)], more].concat())
    }
}

pub fn shows(token: &[u8]) -> ClientHello {
    ClientHello { token: token.to_vec(), ..ClientHello::default() }
}

pub fn hang_up(engine: &Engine) {
    let id = engine.child.id().to_string();
    assert!(Process::new("kill").args(["-HUP", &id]).status().unwrap().success());
}

/// Expects that a batch is refused; what is said of it.
fn forbidden(engine: &Engine, hello: &ClientHello, command: Command) -> String {
    let (mut wire, _) = Wire::open(&engine.socket, hello);
    wire.batch(0, &[command]).unwrap();
    let Said::Error(error) = wire.next() else { panic!("it was taken in") };
    assert_eq!(error.code, ErrorCode::NotAllowed as u16, "{error}");
    assert_eq!(wire.next(), Said::End);
    error.to_string()
}

#[test]
fn roles_are_kept_and_what_is_refused_is_not_journaled() {
    let scene = Scene::new();
    let operator = scene.token("operator", &["--role", "operate"]);
    let payer = scene.token("payer", &["--role", "pay"]);
    let reader = scene.token("reader", &["--role", "read"]);
    let mut engine = scene.start(&[]);
    assert!(engine.said().contains("3 principals"), "{}", engine.said());

    let (mut wire, _) = Wire::open(&engine.socket, &shows(&operator));
    wire.batch(0, &[account(1), account(2)]).unwrap();
    let sequence = (wire.outcome().0, wire.outcome().0).1;
    let cases = [
        (&operator, transfer(7, 1), "`pay`"),
        (&operator, lookup(1), "`read`"),
        (&payer, account(3), "`operate`"),
        (&payer, lookup(1), "`read`"),
        (&reader, transfer(7, 1), "`pay`"),
        (&reader, account(3), "`operate`"),
    ];
    for (token, command, role) in cases {
        let said = forbidden(&engine, &shows(token), command);
        assert!(said.contains(role), "{said}");
    }
    // The log says who it was, and why.
    for principal in ["operator", "payer", "reader"] {
        let line = format!("the connection of {principal} was ended with error 19 (not_allowed): ");
        eventually("the log says so", || engine.said().contains(&line));
    }
    let (mut wire, _) = Wire::open(&engine.socket, &shows(&payer));
    wire.batch(0, &[transfer(7, 1)]).unwrap();
    assert_eq!(wire.outcome().0, sequence + 1, "nothing was taken in between");
    let (mut wire, _) = Wire::open(&engine.socket, &shows(&reader));
    wire.batch(0, &[lookup(1)]).unwrap();
    assert!(matches!(wire.next(), Said::Event(_)));
    assert_eq!(wire.outcome().0, sequence + 2);

    let follows = |token: &[u8]| ClientHello { mode: Mode::Subscription, ..shows(token) };
    let (wire, said) = Wire::greet(&engine.socket, &follows(&payer));
    assert!(matches!(said, Said::Error(error) if error.code == ErrorCode::NotAllowed as u16));
    drop(wire);
    assert!(matches!(Wire::greet(&engine.socket, &follows(&reader)).1, Said::Hello(_)));
    engine.stop();
}

#[test]
fn wrong_tokens_at_a_high_rate_disturb_nobody_and_do_not_fill_the_log() {
    let scene = Scene::new();
    let token = scene.token("operator", &["--role", "operate"]);
    let mut engine = scene.start(&[]);
    let (mut wire, _) = Wire::open(&engine.socket, &shows(&token));
    let mut nearly = token.clone();
    *nearly.last_mut().unwrap() ^= 1;
    let wrong: [&[u8]; 5] = [b"", b"rf_", &nearly, &token[..token.len() - 1], &[0xff; 512]];
    for round in 0..200_u32 {
        for token in wrong {
            let (mut other, said) = Wire::greet(&engine.socket, &shows(token));
            let Said::Error(error) = said else { panic!("{said:?}") };
            assert_eq!(error.code, ErrorCode::Unauthenticated as u16, "{error}");
            assert_eq!(other.next(), Said::End);
        }
        wire.batch(0, &[account(u128::from(round) + 1)]).unwrap();
        assert_eq!(wire.outcome().0, u64::from(round) + 1);
    }
    let said = engine.said();
    assert!(said.contains("refused with error 18"), "{said}");
    let lines = said.lines().filter(|line| line.contains("error 18")).count();
    assert!(lines < 500, "{lines} lines of 1000 refusals");
    assert!(!said.contains(std::str::from_utf8(&token).unwrap()), "tokens are not logged");
    engine.stop();
}

#[test]
fn who_is_confined_to_ledgers_changes_and_sees_no_others() {
    let scene = Scene::new();
    let roles = ["--role", "read,pay,operate"];
    let all = scene.token("all", &roles);
    let two = scene.token("two", &[&roles[..], &["--ledger", "2"]].concat());
    let mut engine = scene.start(&[]);
    let on =
        |id, ledger| Command::create_account(Account { id, ledger, code: 1, ..Account::default() });
    let pay = |id, ledger| {
        let accounts = u128::from(ledger) * 10;
        Command::create_transfer(Transfer {
            id,
            debit_account_id: accounts + 1,
            credit_account_id: accounts + 2,
            ledger,
            amount: 1,
            code: 1,
            ..Transfer::default()
        })
    };
    let (mut wire, _) = Wire::open(&engine.socket, &shows(&all));
    wire.batch(0, &[on(11, 1), on(12, 1)]).unwrap();
    wire.batch(0, &[pay(100, 1)]).unwrap();
    assert_eq!((wire.outcome().0, wire.outcome().0, wire.outcome().0), (1, 2, 3));
    let (mut wire, _) = Wire::open(&engine.socket, &shows(&two));
    wire.batch(0, &[on(21, 2), on(22, 2)]).unwrap();
    wire.batch(0, &[pay(200, 2)]).unwrap();
    assert_eq!((wire.outcome().0, wire.outcome().0, wire.outcome().0), (4, 5, 6));
    for (command, said) in [
        (on(13, 1), "ledger 1"),
        (pay(101, 1), "ledger 1"),
        (pay(101, 0), "posts and voids"),
        (lookup(21), "names no ledger"),
    ] {
        let refused = forbidden(&engine, &shows(&two), command);
        assert!(refused.contains(said), "{refused}");
    }
    assert_eq!(followed(&engine, &all, 6), [1, 2, 3, 4, 5, 6]);
    assert_eq!(followed(&engine, &two, 6), [4, 5, 6]);
    engine.stop();
}

/// Sequences of all outcomes up to `last` that a subscription gets.
fn followed(engine: &Engine, token: &[u8], last: u64) -> Vec<u64> {
    let subscribe = Subscribe {
        start: Start::After(0),
        name: 0,
        outcomes: true,
        events: false,
        commands: false,
        only_successes: false,
        operations: 0,
        ledgers: Vec::new(),
        accounts: Vec::new(),
    };
    let hello = ClientHello { mode: Mode::Subscription, ..shows(token) };
    let mut bytes = hello_bytes(&hello);
    encode_subscribe(&subscribe, &mut bytes);
    let mut stream = Wire::connect(&engine.socket).unwrap().stream;
    stream.write_all(&bytes).unwrap();
    let (mut decoder, mut sequences) = (ReplyDecoder::new(), Vec::new());
    loop {
        match decoder.next_reply().unwrap() {
            Some(Reply::Outcomes { first_sequence, outcomes }) => {
                sequences.extend((first_sequence..).take(outcomes.len()));
            }
            Some(Reply::Progress(progress)) if progress.sequence >= last => return sequences,
            Some(Reply::Error(error)) => panic!("{error}"),
            Some(_) => {}
            None => {
                let count = stream.read(decoder.frames().spare()).unwrap();
                assert!(count > 0, "it has ended after {sequences:?}");
                decoder.frames().advance(count);
            }
        }
    }
}

#[test]
fn a_user_is_known_by_a_unix_socket_and_a_new_file_holds_at_once() {
    let scene = Scene::new();
    let user = fs::metadata(scene.folder.path()).unwrap().uid();
    let entry = |roles: &str, user: u32| {
        format!("[[principal]]\nname = \"me\"\nroles = [{roles}]\nusers = [{user}]\n")
    };
    scene.write("access.toml", &entry("\"operate\"", user));
    let mut engine = scene.start(&[]);
    let (mut wire, _) = Wire::open(&engine.socket, &ClientHello::default());
    wire.batch(0, &[account(1)]).unwrap();
    wire.outcome();

    // A file with a mistake changes nothing.
    scene.write("access.toml", "[[principal]]\nnome = \"me\"\n");
    hang_up(&engine);
    eventually("the mistake is said", || engine.said().contains("unknown field `nome`"));
    wire.batch(0, &[account(2)]).unwrap();
    wire.outcome();

    // Less is allowed: who is in is cut off, and gets what is left when he comes again.
    scene.write("access.toml", &entry("\"read\"", user));
    hang_up(&engine);
    assert_eq!(wire.next(), Said::End, "though it says nothing");
    forbidden(&engine, &ClientHello::default(), account(3));
    let (mut wire, _) = Wire::open(&engine.socket, &ClientHello::default());

    // Nothing is allowed.
    scene.write("access.toml", &entry("\"read\"", user + 1));
    hang_up(&engine);
    assert_eq!(wire.next(), Said::End);
    let (mut wire, said) = Wire::greet(&engine.socket, &ClientHello::default());
    assert!(matches!(said, Said::Error(error) if error.code == ErrorCode::Unauthenticated as u16));
    assert_eq!(wire.next(), Said::End);
    engine.stop();
}

#[test]
fn a_start_with_a_wrong_file_says_where() {
    let scene = Scene::new();
    let start = |file: &Path| {
        run(&["run", "--data-dir", text(&scene.path("data")), "--access", text(file)])
    };
    let wrong = start(&scene.write("a.toml", "[[principal]]\nname = \"a\"\nroles = [\"own\"]\n"));
    assert_eq!(wrong.status, 1);
    assert!(wrong.stderr.contains("line 3") && wrong.stderr.contains("own"), "{}", wrong.stderr);
    let open = scene.write("b.toml", "");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(start(&open).stderr.contains("0644"));
    assert!(!scene.path("data").exists(), "nothing was made");
}
