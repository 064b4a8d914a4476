// Checks the OpenAPI document of the bridge at ADDRESS with a linter, makes a client from it,
// compiles that, and pays with it. Ends with status 1 where something is wrong.
//
// node openapi.mjs ADDRESS

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const address = process.argv[2];
const quiet = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };

function run(script, ...args) {
  const env = { ...process.env, ...quiet };
  const { status } = spawnSync(process.execPath, [script, ...args], {
    cwd: folder,
    env,
    stdio: ['ignore', 'inherit', process.stdout],
  });
  if (status !== 0) throw new Error(`${script} ends with ${status}`);
}

mkdirSync(join(folder, 'build'), { recursive: true });
// Inside the folder, so that the packages are found; of its own, so that two runs at once do not
// meet.
const built = mkdtempSync(join(folder, 'build', 'client-'));
try {
  const text = await (await fetch(`${address}/openapi.json`)).text();
  const document = join(built, 'openapi.json');
  writeFileSync(document, text);
  const packages = join(folder, 'node_modules');
  run(join(packages, '@redocly/cli/bin/cli.js'), 'lint', '--extends=recommended-strict', document);
  const types = join(built, 'api.d.ts');
  run(join(packages, 'openapi-typescript/bin/cli.js'), document, '-o', types);
  const source = join(built, 'client.ts');
  copyFileSync(join(folder, 'client.ts'), source);
  const options = ['--strict', '--target', 'es2022', '--module', 'nodenext', '--skipLibCheck'];
  run(join(packages, 'typescript/bin/tsc'), ...options, '--types', 'node', source);
  run(join(built, 'client.js'), address, document);
} catch (error) {
  console.log(error.message);
  process.exitCode = 1;
} finally {
  rmSync(built, { recursive: true, force: true });
}
