/** TLS, tokens and client certificates against a real engine. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Client, NotAllowed } from '../src/index.js';
import {
  Engine, connect, engineTest, folderOf, freePort, openAccounts, payment,
} from './engine.js';
import { PROGRAM } from './repository.js';

function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Makes an authority and what it has signed: `NAME.pem` with `NAME.key` for each name. */
function certificates(folder: string, names: Record<string, string>): void {
  const path = (file: string) => join(folder, file);
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const authority = ['-x509', '-subj', '/CN=authority', '-days', '2'];
  run('openssl', 'req', ...curve, ...authority, '-keyout', path('ca.key'), '-out', path('ca.pem'));
  for (const [name, alternative] of Object.entries(names)) {
    const request = ['-subj', `/CN=${name}`, '-keyout', path(`${name}.key`)];
    run('openssl', 'req', ...curve, ...request, '-out', path(`${name}.csr`));
    writeFileSync(path(`${name}.ext`), `subjectAltName=${alternative}\n`);
    const signer = ['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-CAcreateserial'];
    const wish = ['-in', path(`${name}.csr`), '-extfile', path(`${name}.ext`), '-days', '2'];
    run('openssl', 'x509', '-req', ...wish, ...signer, '-out', path(`${name}.pem`));
  }
}

engineTest('tokens and client certificates over TLS, and what is refused', async (t) => {
  const folder = folderOf(t);
  const path = (file: string) => join(folder, file);
  certificates(folder, { engine: 'DNS:localhost', desk: 'DNS:desk.example' });
  const access = path('access.toml');
  const roles = ['--role', 'pay', '--role', 'read'];
  const token = run(PROGRAM!, 'access', 'token', 'payer', ...roles, '--access', access).trim();
  const desk = 'name = "desk"\nroles = ["operate", "read"]\ncertificates = ["cn:desk"]';
  writeFileSync(access, `${readFileSync(access, 'utf8')}\n[[principal]]\n${desk}\n`);
  const port = await freePort();
  const address = `localhost:${port}`;
  await Engine.start(
    t, '--listen', `127.0.0.1:${port}`, '--access', access, '--tls-cert', path('engine.pem'),
    '--tls-key', path('engine.key'), '--tls-client-ca', path('ca.pem'),
  );
  const [ca, cert, key] = ['ca.pem', 'desk.pem', 'desk.key'].map((file) =>
    readFileSync(path(file)),
  ) as [Buffer, Buffer, Buffer];

  const operator = await connect(t, address, { tls: { ca, cert, key } });
  await openAccounts(operator);
  await assert.rejects(operator.transfer(payment(1)), NotAllowed);

  const payer = await connect(t, address, { tls: { ca }, token, session: 'payer' });
  assert.equal((await payer.transfer(payment(10))).status, 'created');
  for await (const message of payer.subscribe({ from: 'oldest' })) {
    assert.equal(message.name, 'account');
    break;
  }
  await assert.rejects(payer.createAccount({ id: 3, ledger: 978, code: 1 }), NotAllowed);

  const refused = { retrySeconds: 5 };
  const wrong = { ...refused, tls: { ca }, token: 'rf_wrong' };
  await assert.rejects(Client.connect(address, wrong), NotAllowed);
  const nobody = { ...refused, tls: { ca } };
  await assert.rejects(Client.connect(address, nobody), NotAllowed);
  const begun = performance.now();
  const unknown = { retrySeconds: 60, tls: true, token };
  await assert.rejects(Client.connect(address, unknown), { code: /CERT|SELF_SIGNED|UNABLE_TO/ });
  const otherName = { retrySeconds: 60, tls: { ca, servername: 'desk.example' }, token };
  const misnamed = { code: 'ERR_TLS_CERT_ALTNAME_INVALID' };
  await assert.rejects(Client.connect(address, otherName), misnamed);
  assert.ok(performance.now() - begun < 30_000, 'a wrong certificate is not tried again');
});
