//! The page of an engine that asks who somebody is.

use std::path::Path;
use std::process::Command;

use crate::house::{House, eventually};
use crate::page::browser::Browser;
use crate::page::scene::{Scene, account, free_port};

const ENTER: &str = "\u{E007}";

/// Makes a principal, and returns its token.
fn token(house: &House, name: &str, role: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_ringfence-bridge")).with_file_name("ringfence");
    let mut command = Command::new(program);
    command.args(["access", "token", name, "--role", role, "--access"]);
    let output = command.arg(house.path("access.toml")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    printed.split_whitespace().find(|word| word.len() > 20).unwrap().to_owned()
}

#[test]
fn a_token_is_asked_for_and_kept_until_the_tab_is_closed() {
    let Some(browser) = Browser::start() else { return };
    let house = House::new();
    let (bridge, reader) = (token(&house, "bridge", "read"), token(&house, "reader", "read"));
    let operator = token(&house, "operator", "operate");
    let access = house.path("access.toml");
    let engine = house.start_engine(&["--access", access.to_str().unwrap()]);
    eventually("the engine listens", || house.socket().exists());
    let port = free_port();
    let bridge = house.bridge(&format!(
        "[engine]\nconnect = \"ENGINE\"\ntoken = \"{bridge}\"\n\
         [http]\nlisten = \"127.0.0.1:{port}\"\n"
    ));
    let scene = Scene::of(browser, bridge, engine, house, port);
    let browser = &scene.browser;
    let is = |state: &str| format!("document.getElementById('state').dataset.state === '{state}'");
    let is_asked = "document.getElementById('token-dialog').open";
    browser.until(&is("denied"));
    browser.until(is_asked);
    // A token that may not read, and then one that may.
    for (token, state) in [(&operator, "denied"), (&reader, "live")] {
        browser.until(is_asked);
        browser.run("document.getElementById('token').focus()");
        browser.press(token);
        browser.press(ENTER);
        browser.until(&is(state));
    }
    let mut client = scene.client_with(&operator);
    let flags = ringfence_types::AccountFlags::NONE;
    client.execute(&[account(1, "Town Bank", 978, flags)]).unwrap();
    browser.until("document.getElementById('rows').innerText.includes('create account')");
    assert!(!browser.is(is_asked));
    // A reload finds it again; it is in no address and no cookie.
    browser.open(&scene.url());
    browser.until(&is("live"));
    assert!(!browser.is("location.href.includes('?') || document.cookie"));
    assert!(browser.is("localStorage.length === 0 && sessionStorage.length === 1"));
    assert_eq!(
        browser.complaints(&["401 (Unauthorized)", "403 (Forbidden)"]),
        Vec::<String>::new()
    );
}
