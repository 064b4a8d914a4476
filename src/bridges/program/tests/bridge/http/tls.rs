//! TLS and HTTP/2, with curl.

use std::process::Command;

use crate::house::{House, eventually};
use crate::http::client::{bridge, listens};

/// Runs curl; what it printed.
fn curl(arguments: &[&str]) -> Option<String> {
    let output = Command::new("curl").args(["-s", "-m", "20"]).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_same_is_served_over_tls_and_by_either_version() {
    if curl(&["--version"]).is_none_or(|version| !version.contains("HTTP2")) {
        println!("curl with HTTP/2 is not installed: not tried");
        return;
    }
    let house = House::new();
    let _engine = house.engine();
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (chain, key) = (house.path("cert.pem"), house.path("key.pem"));
    std::fs::write(&chain, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let configuration = format!(
        "[engine]\nconnect = \"ENGINE\"\n[http]\nlisten = \"127.0.0.1:0\"\nanonymous = true\n\
         tls-cert = {chain:?}\ntls-key = {key:?}\n"
    );
    let _bridge = house.bridge(&configuration);
    let address = format!("https://localhost:{}", listens(&house, 0));
    let trusted = chain.to_str().unwrap();
    let ready = format!("{address}/readyz");
    eventually("the bridge is ready", || {
        curl(&["--cacert", trusted, "-f", &ready]).is_some_and(|text| text == "ok\n")
    });
    let accounts = format!("{address}/v1/accounts");
    let printed = "%{http_version} %{http_code}";
    //  version, body, what curl prints of the response
    let cases = [
        ("--http2", r#"{"id":1,"ledger":978,"code":1}"#, "2 201"),
        ("--http1.1", r#"{"id":2,"ledger":978,"code":1}"#, "1.1 201"),
    ];
    for (version, body, expected) in cases {
        let json = "content-type: application/json";
        let out = house.path("body");
        let arguments = ["--cacert", trusted, version, "-H", json, "-d", body, "-w", printed];
        let told = curl(&[&arguments[..], &["-o", out.to_str().unwrap(), &accounts]].concat());
        assert_eq!(told.as_deref(), Some(expected), "{version}");
    }
    assert_eq!(curl(&["-f", &ready]), None, "nobody has to trust the certificate");
    let clear = ready.replace("https", "http");
    assert_ne!(curl(&["-f", &clear]).as_deref(), Some("ok\n"), "it is not served in clear");
}

#[test]
fn more_header_fields_than_may_be_are_refused_by_either_version() {
    if curl(&["--version"]).is_none_or(|version| !version.contains("HTTP2")) {
        println!("curl with HTTP/2 is not installed: not tried");
        return;
    }
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "headers-max = 32");
    let address = format!("http://127.0.0.1:{}/livez", http.port);
    let fields: Vec<String> = (0..40).map(|at| format!("X-{at}: 1")).collect();
    let more = |count| fields[..count].iter().flat_map(|field| ["-H", field.as_str()]);
    let out = house.path("body");
    let out = out.to_str().unwrap();
    for version in ["--http2-prior-knowledge", "--http1.1"] {
        //  fields, status
        for (count, status) in [(20, "200"), (40, "431")] {
            let mut arguments = vec![version, "-w", "%{http_code}", "-o", out, &address];
            arguments.extend(more(count));
            assert_eq!(curl(&arguments).as_deref(), Some(status), "{version} {count}");
        }
    }
}

#[test]
fn only_loopback_is_served_in_clear() {
    let house = House::new();
    let configuration = "[engine]\nconnect = \"ENGINE\"\n[http]\nlisten = \"0.0.0.0:0\"\n";
    let mut bridge = house.bridge(configuration);
    assert_eq!(bridge.end(), Some(2));
    let said = house.said("bridge.log");
    assert!(said.contains("line 4, `http.listen`: only loopback is served in clear"), "{said}");
}
