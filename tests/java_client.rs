//! The clients for Java, Spring Boot and Pekko with their tests, by Maven, against this program.
//!
//! Nothing is downloaded: where there is no JDK, no Maven, or a library is not in Maven's local
//! repository, a line says that these tests are left out. `.ci/run` leaves nothing out.

use std::io::Write;
use std::process::{Command, Stdio};

/// Says on the terminal what is left out: what a passing test prints is not shown.
fn left_out(why: &str) {
    let _ = writeln!(std::io::stderr(), "the tests of clients/java are left out: {why}");
}

fn can_run(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Whether Maven failed because it would have had to download something.
fn lacks_libraries(said: &str) -> bool {
    said.contains("in offline mode") || said.contains("has not been downloaded from it before")
}

#[test]
fn the_clients_for_java_pass_their_tests() {
    if let Some(missing) = ["javac", "mvn"].into_iter().find(|program| !can_run(program)) {
        return left_out(&format!("there is no {missing}"));
    }
    // A folder of its own, so that two runs at the same time do not disturb each other.
    let built = tempfile::tempdir().unwrap();
    let mut maven = Command::new("mvn");
    maven
        .args(["--offline", "--quiet", "--batch-mode", "--file", "clients/java/pom.xml", "verify"])
        .arg(format!("-Dringfence.build={}/${{project.artifactId}}", built.path().display()))
        .args(["-Dmaven.javadoc.skip=true", "-Dmaven.source.skip=true"])
        .env("RINGFENCE_BIN", env!("CARGO_BIN_EXE_ringfence"))
        .stdin(Stdio::null());
    if let Ok(rounds) = std::env::var("RINGFENCE_JAVA_CRASH_ROUNDS") {
        maven.arg(format!("-DargLine=-Dringfence.crash.rounds={rounds}"));
    }
    let output = maven.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if !output.status.success() && lacks_libraries(&said) {
        return left_out("Maven has not all libraries, and tests download nothing");
    }
    assert!(output.status.success(), "{said}");
}
