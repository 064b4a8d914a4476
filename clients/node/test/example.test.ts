/** The example of the repository: a web server in front of an engine. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Engine, engineTest, folderOf } from './engine.js';
import { ROOT } from './repository.js';

/** A folder in which the example finds the package that is tested here. */
function installed(folder: string): string {
  const package_ = join(folder, 'node_modules', 'ringfence');
  mkdirSync(package_, { recursive: true });
  cpSync(fileURLToPath(new URL('../src', import.meta.url)), join(package_, 'src'), {
    recursive: true,
  });
  const description = { name: 'ringfence', type: 'module', exports: './src/index.js' };
  writeFileSync(join(package_, 'package.json'), JSON.stringify(description));
  cpSync(join(ROOT, 'examples', 'node', 'server.mjs'), join(folder, 'server.mjs'));
  return join(folder, 'server.mjs');
}

engineTest('the example answers payments and shows events', async (t) => {
  const engine = await Engine.start(t);
  const program = installed(folderOf(t));
  const server = spawn(process.execPath, [program, engine.address, '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => server.kill('SIGKILL'));
  let said = '';
  const address = await new Promise<string>((resolve, reject) => {
    server.once('exit', () => reject(new Error('the example has ended')));
    server.stdout.on('data', (data) => {
      said += data;
      const ready = /ready on (\S+)/.exec(said);
      if (ready) resolve(ready[1]!);
    });
  });
  const post = async (body: string) => {
    const response = await fetch(`${address}/payments`, { method: 'POST', body });
    return [response.status, ((await response.json()) as { status: string }).status] as const;
  };
  const pay = (id: string, from: number, to: number) =>
    post(JSON.stringify({ id, from, to, amount: '500' }));
  assert.deepEqual(await pay('10', 2, 1), [201, 'created']);
  assert.deepEqual(await pay('10', 2, 1), [201, 'exists']);
  assert.deepEqual(await pay('11', 1, 2), [201, 'created']);
  assert.deepEqual(await pay('12', 1, 2), [422, 'exceeds_credits']);
  assert.equal((await post('no JSON'))[0], 400);
  assert.equal((await post('{"id":-1}'))[0], 400);
  const account = await (await fetch(`${address}/accounts/1`)).json();
  assert.equal((account as { credits_posted: string }).credits_posted, '500');
  assert.equal((await fetch(`${address}/accounts/77`)).status, 404);
  const stop = new AbortController();
  const headers = { 'last-event-id': '2' };
  const events = await fetch(`${address}/events`, { headers, signal: stop.signal });
  let told = '';
  for await (const chunk of events.body!) {
    told += Buffer.from(chunk).toString();
    if (told.includes('event: refused')) break;
  }
  stop.abort();
  const names = [...told.matchAll(/^event: (.*)$/gm)].map(([, name]) => name);
  assert.deepEqual(names.slice(0, 4), ['settled', 'repeated', 'settled', 'refused']);
  server.removeAllListeners('exit');
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGTERM');
  assert.equal(await ended, 0);
});
