//! The program where the system forbids what the journal is fastest with.

mod support;

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use support::{Ran, ringfence};

/// Offsets into what a filter sees: the number of the call, and the lower half of its third argument.
const NUMBER_AT: u32 = 0;
const THIRD_ARGUMENT_AT: u32 = 16 + 2 * 8;

/// What a container can forbid.
#[derive(Debug, Clone, Copy)]
enum Forbidden {
    /// `io_uring_setup` fails with `EPERM`.
    Uring,
    /// `openat` with `O_DIRECT` fails with `EINVAL`.
    Direct,
}

fn statement(code: u32, value: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: 0, k: value }
}

/// Goes on if the last value loaded is `value`, else skips `count` statements.
fn unless_skip(test: u32, value: u32, count: u8) -> libc::sock_filter {
    let code = libc::BPF_JMP | test | libc::BPF_K;
    libc::sock_filter { code: code as u16, jt: 0, jf: count, k: value }
}

fn load(at: u32) -> libc::sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at)
}

fn answer(value: u32) -> libc::sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, value)
}

impl Forbidden {
    fn filter(self) -> Vec<libc::sock_filter> {
        let refuse = |error: i32| answer(libc::SECCOMP_RET_ERRNO | error.unsigned_abs());
        let mut filter = vec![load(NUMBER_AT)];
        match self {
            Forbidden::Uring => filter.extend([
                unless_skip(libc::BPF_JEQ, libc::SYS_io_uring_setup as u32, 1),
                refuse(libc::EPERM),
            ]),
            Forbidden::Direct => filter.extend([
                unless_skip(libc::BPF_JEQ, libc::SYS_openat as u32, 3),
                load(THIRD_ARGUMENT_AT),
                unless_skip(libc::BPF_JSET, libc::O_DIRECT.unsigned_abs(), 1),
                refuse(libc::EINVAL),
            ]),
        }
        filter.push(answer(libc::SECCOMP_RET_ALLOW));
        filter
    }
}

/// Has the program run under a filter.
fn forbid(command: &mut Command, forbidden: &[Forbidden]) {
    let mut filters: Vec<Vec<libc::sock_filter>> =
        forbidden.iter().map(|forbidden| forbidden.filter()).collect();
    let install = move || {
        let failed = |result: libc::c_int| match result {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        };
        // SAFETY: no memory is passed.
        failed(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
        for filter in &mut filters {
            let program =
                libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
            // SAFETY: the kernel copies the filter, which outlives the call, and nothing else is passed.
            failed(unsafe {
                libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
            })?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes system calls alone: the filters were allocated
    // before, and an error of the system is a number.
    unsafe { command.pre_exec(install) };
}

fn apply(name: &str, forbidden: &[Forbidden], extra: &[&str]) -> (Ran, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let path = path.to_str().unwrap();
    let mut arguments = vec!["apply", "--data-dir", path, "examples/payments.ndjson"];
    arguments.extend(extra);
    let mut command = ringfence(&arguments);
    forbid(&mut command, forbidden);
    let ran = Ran::from(command.stdin(Stdio::null()).output().unwrap());
    let digest = if ran.status == 0 {
        Ran::from(ringfence(&["replay", "--data-dir", path]).output().unwrap()).digest()
    } else {
        String::new()
    };
    (ran, digest)
}

#[test]
fn what_is_forbidden_is_said_and_something_slower_writes() {
    //  forbidden                                        the line says
    let cases: [(&[Forbidden], &str); 3] = [
        (&[Forbidden::Uring], "io_uring does not work here"),
        (&[Forbidden::Direct], "direct, durable writes do not work here"),
        (&[Forbidden::Uring, Forbidden::Direct], "direct, durable writes do not work here"),
    ];
    let (_, expected) = apply("plain", &[], &["--clock", "manual"]);
    for (forbidden, says) in cases {
        let (ran, digest) = apply("data", forbidden, &["--clock", "manual"]);
        assert_eq!(ran.status, 0, "{forbidden:?}: {ran:?}");
        assert!(ran.stderr.contains(says), "{forbidden:?}: {}", ran.stderr);
        assert_eq!(ran.digest(), digest, "{forbidden:?}");
        assert_eq!(digest, expected, "{forbidden:?}");
    }
}

#[test]
fn a_backend_that_was_asked_for_is_not_replaced_by_another() {
    let cases = [("io-uring", Forbidden::Uring), ("threads", Forbidden::Direct)];
    for (backend, forbidden) in cases {
        let (ran, _) = apply("data", &[forbidden], &["--journal-io", backend]);
        assert_eq!(ran.status, 1, "{backend}: {ran:?}");
        assert!(ran.stderr.contains("probe.new"), "{backend}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{backend}: {}", ran.stdout);
    }
}
