// Compiles the client and its tests into a folder of their own, and runs them.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(dirname(fileURLToPath(import.meta.url)));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

function run(...args) {
  const { status } = spawnSync(process.execPath, args, { cwd: folder, stdio: 'inherit' });
  return status ?? 1;
}

mkdirSync(join(folder, 'build'), { recursive: true });
// Inside the package, so that Node.js reads its package.json; of its own, so that two runs at once
// do not meet.
const built = mkdtempSync(join(folder, 'build', 'test-'));
process.exitCode = 1;
try {
  if (run(tsc, '-p', folder, '--outDir', built, '--declaration', 'false') === 0) {
    const tests = readdirSync(join(built, 'test')).filter((name) => name.endsWith('.test.js'));
    const wanted = tests.filter((name) => process.argv.slice(2).every((w) => name.includes(w)));
    const paths = wanted.map((name) => join(built, 'test', name));
    process.exitCode = run('--test', ...paths);
  }
} finally {
  rmSync(built, { recursive: true, force: true });
}
