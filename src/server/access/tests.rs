//! Files with and without mistakes, and who may do what by them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::*;
use ringfence_types::{Account, Body, LedgerPolicy, Market, Op, ResolveQueues, Transfer};

const HASH: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn parsed(text: &str) -> Result<Access, String> {
    let principals = file::parse(text, |name| (name == "alice").then_some(1000))?;
    Ok(Access { principals: principals.into_iter().map(Arc::new).collect() })
}

fn entry(name: &str, fields: &str) -> String {
    format!("[[principal]]\nname = \"{name}\"\nroles = [\"read\"]\n{fields}\n")
}

fn body(record: &(impl IntoBytes + Immutable)) -> Body {
    Body::read_from_bytes(record.as_bytes()).unwrap()
}

#[test]
fn principals_are_found_by_token_certificate_and_user() {
    let fingerprint = ["AB"; 32].join(":");
    let text = [
        entry("tokens", &format!("tokens = [\"{HASH}\"]")),
        entry("users", "users = [\"alice\", 7]"),
        entry("named", "certificates = [\"cn:Desk One\", \"dns:desk.example\"]"),
        entry("pinned", &format!("certificates = [\"sha256:{fingerprint}\"]")),
    ];
    let access = parsed(&text.concat()).unwrap();
    let name = |found: Option<Arc<Principal>>| found.map(|it| it.name.to_string());
    let shown = |change: fn(&mut PeerCertificate)| {
        let mut certificate = PeerCertificate::default();
        change(&mut certificate);
        name(access.by_certificate(&certificate))
    };
    assert_eq!(name(access.by_token(b"test")).as_deref(), Some("tokens"));
    assert_eq!(name(access.by_token(b"test ")), None);
    assert_eq!(name(access.by_token(b"")), None);
    assert_eq!(name(access.by_user(1000)).as_deref(), Some("users"));
    assert_eq!(name(access.by_user(7)).as_deref(), Some("users"));
    assert_eq!(name(access.by_user(0)), None);
    assert_eq!(shown(|it| it.common_name = Some("Desk One".into())).as_deref(), Some("named"));
    assert_eq!(shown(|it| it.common_name = Some("desk one".into())), None);
    assert_eq!(shown(|it| it.dns_names = vec!["DESK.example".into()]).as_deref(), Some("named"));
    assert_eq!(shown(|it| it.common_name = Some("desk.example".into())), None);
    assert_eq!(shown(|it| it.fingerprint = [0xab; 32]).as_deref(), Some("pinned"));
    assert_eq!(shown(|_| {}), None);
}

#[test]
fn a_mistake_is_named_with_its_line_and_field() {
    let twice = |field: &str| entry("one", field) + &entry("two", field);
    //  file, line, and what is said of it
    let cases = [
        ("principals = []".to_owned(), "line 1", "unknown field `principals`"),
        (entry("a", "user = [7]"), "line 4", "unknown field `user`"),
        (entry("a b", "users = [7]"), "line 2", "name: a name has 1 to 64"),
        (entry("", "users = [7]"), "line 2", "name: a name has 1 to 64"),
        (entry("a", ""), "line 1", "`a` has none of these"),
        (entry("a", "users = [\"nobody-here\"]"), "line 4", "no user `nobody-here`"),
        (entry("a", "users = [-1]"), "line 4", "a user's name or number"),
        (entry("a", "tokens = [\"sha256:00\"]"), "line 4", "64 hexadecimal digits"),
        (entry("a", "tokens = [\"rf_abc\"]"), "line 4", "this is a token"),
        (entry("a", "certificates = [\"x:y\"]"), "line 4", "`cn:NAME`"),
        (entry("a", "certificates = [\"dns:*.a\"]"), "line 4", "no `*`"),
        (entry("a", "users = [7]\nledgers = []"), "line 5", "ledgers: at least one"),
        (entry("a", "users = [7]\nledgers = [0]"), "line 5", "ledgers: at least one"),
        (entry("a", "users = [7, 7]"), "line 4", "this user is in line 4 already"),
        (entry("a", "users = [7]") + &entry("a", "users = [8]"), "line 6", "in line 2 already"),
        (twice("users = [\"alice\"]"), "line 8", "users: this user is in line 4"),
        (twice(&format!("tokens = [\"{HASH}\"]")), "line 8", "tokens: this token is in line 4"),
        (twice("certificates = [\"cn:a\"]"), "line 8", "this certificate is in line 4"),
        (
            "[[principal]]\nname = \"a\"\nroles = []\nusers = [7]".into(),
            "line 3",
            "roles: there is",
        ),
        (
            "[[principal]]\nname = \"a\"\nroles = [\"own\"]".into(),
            "line 3",
            "unknown variant `own`",
        ),
        ("[[principal]]\nroles = [\"read\"]\nusers = [7]".into(), "line 1", "missing field `name`"),
    ];
    for (text, line, said) in cases {
        let error = parsed(&text).unwrap_err();
        assert!(error.contains(line) && error.contains(said), "{text}\n{error}");
    }
}

#[test]
fn each_operation_of_clients_has_one_role() {
    for op in Op::ALL {
        let allowed = Role::ALL.into_iter().filter(|&role| Grants::new(&[role], None).allows(op));
        let allowed: Vec<Role> = allowed.collect();
        assert_eq!(allowed, Vec::from_iter(role_of(op)), "{op:?}");
        assert_eq!(allowed.len(), usize::from(op.is_public()), "{op:?}");
    }
    let readers = |roles: &[Role]| Grants::new(roles, None).allows_subscriptions().is_ok();
    assert!(readers(&[Role::Pay, Role::Read]));
    assert!(!readers(&[Role::Pay, Role::Operate]));
}

#[test]
fn a_batch_without_the_role_is_refused_by_name() {
    let grants = Grants::new(&[Role::Read], None);
    let refusal = grants.allows_batch(Op::CreateTransfer, &[Body::NONE]).unwrap_err();
    assert_eq!(refusal.to_string(), "create_transfer needs the role `pay`");
}

#[test]
fn who_is_confined_names_allowed_ledgers_in_each_command() {
    let grants = Grants::new(&Role::ALL, Some(vec![978, 840, 978]));
    let account = |ledger| body(&Account { ledger, ..Account::default() });
    let transfer = |ledger| body(&Transfer { ledger, ..Transfer::default() });
    let policy = |ledger| body(&LedgerPolicy { ledger, ..LedgerPolicy::default() });
    let resolve = |ledger| body(&ResolveQueues { ledger, ..ResolveQueues::default() });
    let market = |base_ledger, quote_ledger| {
        body(&Market { base_ledger, quote_ledger, ..Market::default() })
    };
    //  operation, bodies, and what is said if they are refused
    let cases = [
        (Op::CreateAccount, vec![account(978), account(840)], None),
        (Op::CreateAccount, vec![account(978), account(1)], Some("command 1 of the batch")),
        (Op::CreateTransfer, vec![transfer(978)], None),
        (Op::CreateTransfer, vec![transfer(979)], Some("ledger 979")),
        (Op::CreateTransfer, vec![transfer(0)], Some("posts and voids")),
        (Op::SetLedgerPolicy, vec![policy(840)], None),
        (Op::SetLedgerPolicy, vec![policy(0)], Some("ledger 0")),
        (Op::ResolveQueues, vec![resolve(978)], None),
        (Op::ResolveQueues, vec![resolve(5)], Some("ledger 5")),
        (Op::CreateMarket, vec![market(978, 840)], None),
        (Op::CreateMarket, vec![market(978, 5)], Some("ledger 5")),
        (Op::CreateMarket, vec![market(5, 978)], Some("ledger 5")),
        (Op::LookupAccount, vec![Body::NONE], Some("names no ledger")),
        (Op::SetPairPolicy, vec![Body::NONE], Some("names no ledger")),
    ];
    for (op, bodies, said) in cases {
        let refusal = grants.allows_batch(op, &bodies).err().map(|refusal| refusal.to_string());
        match said {
            None => assert_eq!(refusal, None, "{op:?}"),
            Some(said) => assert!(refusal.unwrap().contains(said), "{op:?} {said}"),
        }
    }
    assert_eq!(grants.confined_to(), Some([840, 978].as_slice()));
}

#[test]
fn of_whom_the_new_file_says_something_else_is_revoked() {
    let same = entry("same", "users = [1]");
    let text =
        |field: &str, more: &str| parsed(&(same.clone() + &entry("b", field) + more)).unwrap();
    let old = text("users = [2]", &entry("gone", "users = [3]"));
    let held: Vec<_> = (1..=3).map(|user| old.by_user(user).unwrap()).collect();
    let new = old.replaced_by(text("users = [2, 4]", ""));
    let revoked: Vec<bool> = held.iter().map(|principal| principal.is_revoked()).collect();
    assert_eq!(revoked, [false, true, true]);
    assert!(!new.by_user(2).unwrap().is_revoked());
    assert!(Arc::ptr_eq(&new.by_user(1).unwrap(), &held[0]), "it can be revoked later");
    assert!(new.by_user(3).is_none());
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_file_that_others_can_reach_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.toml");
    fs::write(&path, entry("a", "users = [7]")).unwrap();
    let cases = [(0o600, true), (0o400, true), (0o640, true), (0o644, false), (0o660, false)];
    for (mode, is_allowed) in cases {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        match Access::load(&path) {
            Ok(_) => assert!(is_allowed, "{mode:o}"),
            Err(AccessError::Rights { mode: said, .. }) => {
                assert_eq!((said, is_allowed), (mode, false))
            }
            Err(error) => panic!("{mode:o}: {error}"),
        }
    }
}

#[test]
fn tokens_are_appended_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.toml");
    let add = |name: &str, ledgers: &[u32]| {
        let token = Token::generate().unwrap();
        let roles = &[Role::Pay, Role::Read];
        append(&path, &NewPrincipal { name, roles, ledgers, token: &token }).map(|()| token)
    };
    let first = add("bridge", &[978, 840]).unwrap();
    assert_eq!(mode_of(&path), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let second = add("desk", &[]).unwrap();
    assert_eq!(mode_of(&path), 0o640, "rights that people gave stay");
    assert!(matches!(add("desk", &[]), Err(AccessError::NameTaken { .. })));
    assert!(matches!(add("a b", &[]), Err(AccessError::Wrong { .. })));
    assert!(!fs::read_to_string(&path).unwrap().contains(first.reveal()));
    let access = Access::load(&path).unwrap();
    let bridge = access.by_token(first.reveal().as_bytes()).unwrap();
    assert_eq!(
        (&*bridge.name, bridge.grants.confined_to()),
        ("bridge", Some([840, 978].as_slice()))
    );
    assert_eq!(&*access.by_token(second.reveal().as_bytes()).unwrap().name, "desk");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_file_is_not_made_wrong_by_what_is_appended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.toml");
    let inline = "principal = [{name = 'x', roles = ['pay'], users = [0]}]\n";
    fs::write(&path, inline).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(Access::load(&path).unwrap().principals().count(), 1);
    let token = Token::generate().unwrap();
    let principal = NewPrincipal { name: "a", roles: &[Role::Read], ledgers: &[], token: &token };
    let error = append(&path, &principal).unwrap_err().to_string();
    assert!(error.contains("[[principal]]"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), inline);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_file_that_is_too_long_is_refused_and_not_read_in_part() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.toml");
    fs::write(&path, "#".repeat(16 * 1024 * 1024) + "\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let error = Access::load(&path).unwrap_err().to_string();
    assert!(error.contains("longer than"), "{error}");
}

#[test]
fn a_file_with_a_mistake_is_not_appended_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.toml");
    fs::write(&path, "principle = 1\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let token = Token::generate().unwrap();
    let principal = NewPrincipal { name: "a", roles: &[Role::Read], ledgers: &[], token: &token };
    let error = append(&path, &principal).unwrap_err().to_string();
    assert!(error.contains("principle"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "principle = 1\n");
}
