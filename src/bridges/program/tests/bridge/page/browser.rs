//! Chromium without a window, told what to do by WebDriver.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::house::eventually;

/// Longest time for one step.
const STEP_MAX: Duration = Duration::from_secs(120);

/// A browser with one page. It is ended with its owner.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    /// Starts a browser; `None`, with a line that says so, where none is installed.
    ///
    /// `RINGFENCE_BROWSER=required` makes that a failure.
    pub fn start() -> Option<Browser> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).arg("--silent");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = match command.spawn() {
            Ok(driver) => driver,
            Err(error) => {
                let text = format!("chromedriver: {error}; apt-get install chromium-driver");
                let is_required =
                    std::env::var("RINGFENCE_BROWSER").is_ok_and(|value| value == "required");
                assert!(!is_required, "{text}");
                eprintln!("skipped: {text}");
                return None;
            }
        };
        let mut browser = Browser { driver, port, session: String::new() };
        eventually("chromedriver starts", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        let arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"];
        let wanted = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": arguments},
        });
        let session = json!({"capabilities": {"alwaysMatch": wanted}});
        let session = browser.send("POST", "/session", &session);
        browser.session = session["sessionId"].as_str().unwrap().to_owned();
        Some(browser)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.try_send(method, path, body).unwrap();
        let value = &answer["value"];
        assert!(value["error"].is_null(), "{method} {path} {body}: {value}");
        value.clone()
    }

    fn try_send(&self, method: &str, path: &str, body: &Value) -> io::Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(STEP_MAX))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        )?;
        Ok(serde_json::from_slice(&body_of(stream)?)?)
    }

    fn command(&self, path: &str, body: Value) -> Value {
        self.send("POST", &format!("/session/{}{path}", self.session), &body)
    }

    /// A command of the browser's own protocol.
    pub fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.command("/goog/cdp/execute", json!({"cmd": command, "params": parameters}))
    }

    /// Sets the size of the page, and whether it is dark.
    pub fn look(&self, width: u32, height: u32, dark: bool) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size);
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// Opens a page.
    pub fn open(&self, url: &str) {
        self.command("/url", json!({"url": url}));
    }

    /// What a function body returns that runs in the page.
    pub fn run(&self, script: &str) -> Value {
        self.command("/execute/sync", json!({"script": script, "args": []}))
    }

    /// What an expression is, as text.
    pub fn text(&self, expression: &str) -> String {
        let value = self.run(&format!("return String({expression})"));
        value.as_str().unwrap().to_owned()
    }

    /// What an expression is, as a number.
    pub fn number(&self, expression: &str) -> f64 {
        let value = self.run(&format!("return Number({expression})"));
        value.as_f64().unwrap_or_else(|| panic!("{expression} is no number"))
    }

    /// Whether an expression is true.
    pub fn is(&self, expression: &str) -> bool {
        self.run(&format!("return Boolean({expression})")).as_bool().unwrap()
    }

    /// Waits until an expression is true.
    pub fn until(&self, expression: &str) {
        eventually(expression, || self.is(expression));
    }

    /// Presses keys, one after the other; `\u{E004}` and the like are those of WebDriver.
    pub fn press(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key})))
            .collect();
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": actions});
        self.command("/actions", json!({"actions": [keyboard]}));
    }

    /// What was said on the console since it was asked last, except for the lines that contain one
    /// of `expected`.
    pub fn complaints(&self, expected: &[&str]) -> Vec<String> {
        let log = self.command("/se/log", json!({"type": "browser"}));
        let lines = log.as_array().unwrap().iter();
        lines
            .map(|line| line["message"].as_str().unwrap().to_owned())
            .filter(|line| !expected.iter().any(|part| line.contains(part)))
            .collect()
    }

    /// Bytes that the page's objects take, after what nobody needs is thrown away.
    pub fn heap_bytes(&self) -> f64 {
        self.devtools("HeapProfiler.collectGarbage", json!({}));
        let usage = self.devtools("Runtime.getHeapUsage", json!({}));
        usage["usedSize"].as_f64().unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // This ends the browser, also after a test that has failed. What is wrong with it then is of
        // no interest.
        if !self.session.is_empty() {
            let _ = self.try_send("DELETE", &format!("/session/{}", self.session), &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The body of an answer that has a length.
fn body_of(stream: TcpStream) -> io::Result<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(number) = line.strip_prefix("content-length:") {
            length = number.trim().parse().map_err(io::Error::other)?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}
