//! The same with Node.js and nothing but what it brings: `fetch`, and a stream that is read.

use std::process::Command;

use crate::house::House;
use crate::http::client::bridge;

/// Pays, listens, and prints what it has heard.
const SCRIPT: &str = r#"
const base = process.argv[1];
const post = async (path, value, key) => {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key };
  const response = await fetch(base + path, { method: 'POST', headers, body: JSON.stringify(value) });
  return [response.status, await response.json()];
};
for (const id of ['1', '2']) await post('/v1/accounts', { id, ledger: 978, code: 1 }, `a${id}`);
const transfer = { id: '340282366920938463463374607431768211454', debit_account_id: '1',
  credit_account_id: '2', amount: '18446744073709551617', ledger: 978, code: 7 };
const first = await post('/v1/transfers', transfer, 'once');
const again = await post('/v1/transfers', transfer, 'once');
if (JSON.stringify(first) !== JSON.stringify(again)) throw new Error(JSON.stringify([first, again]));
const events = await fetch(base + '/v1/events?from=3&commands=true');
let text = '';
for await (const bytes of events.body) {
  text += Buffer.from(bytes).toString();
  const line = text.split('\n').find((line) => line.startsWith('data: '));
  if (line) {
    const { sequence, status, command } = JSON.parse(line.slice(6));
    console.log(first[0], sequence, status, command.amount);
    process.exit(0);
  }
}
"#;

#[test]
fn node_pays_and_listens() {
    if !Command::new("node").arg("--version").output().is_ok_and(|it| it.status.success()) {
        println!("node is not installed: not tried");
        return;
    }
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "");
    let output = Command::new("node")
        .args(["--input-type=module", "-e", SCRIPT])
        .arg(format!("http://127.0.0.1:{}", http.port))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, "201 3 created 18446744073709551617\n", "{output:?}");
}
