//! Each ordering is needed: without it, the model named for it fails.

use std::process::Command;

use loom_tests::WEAKENINGS;

/// Runs one model in a process of its own; what it printed if it failed.
///
/// loom cannot always unwind from a failure, so that a failing model may end its whole process.
fn failure_of(model: &str, weakened: Option<&str>) -> Option<String> {
    let mut command = Command::new(std::env::current_exe().expect("a test knows its program"));
    command.args(["--exact", model]).env("RUST_BACKTRACE", "0").env_remove("WEAKEN");
    command.envs(weakened.map(|name| ("WEAKEN", name)));
    let output = command.output().expect("the test binary starts");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text += &String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("running 1 test"), "there is no model {model}");
    (!output.status.success()).then_some(text)
}

#[test]
fn a_model_fails_for_each_weakened_ordering_and_passes_without() {
    if std::env::var_os("WEAKEN").is_some() {
        return; // a model is being looked for by hand; the others say which
    }
    for weakening in WEAKENINGS {
        let (ordering, model) = (weakening.ordering, weakening.model);
        assert_eq!(failure_of(model, None), None, "{model}");
        let failure = failure_of(model, Some(ordering))
            .unwrap_or_else(|| panic!("{ordering} is weakened and {model} still passes"));
        // It found what it looks for, and did not fail to run.
        let found = ["Causality violation", "deadlock"].iter().any(|word| failure.contains(word));
        assert!(found, "{ordering}: {model} failed for another reason:\n{failure}");
        println!("{ordering}: {model} fails");
    }
}
