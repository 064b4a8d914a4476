/** Where things are in the repository that the tests run in. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

function rootAbove(folder: string): string {
  if (existsSync(join(folder, 'clients', 'conformance', 'client.json'))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('the tests run inside the repository');
  return rootAbove(parent);
}

/** The top of the repository. */
export const ROOT = rootAbove(process.cwd());

const BUILT = ['debug', 'release'].map((profile) => join(ROOT, 'target', profile, 'ringfence'));

/** The engine to test against: `RINGFENCE_BIN`, or what cargo has built; or there is none. */
export const PROGRAM = [process.env['RINGFENCE_BIN'], ...BUILT].find(
  (path): path is string => path !== undefined && path !== '' && existsSync(path),
);

/** Why the tests that need an engine are skipped; `false` if they are not. */
export const SKIP =
  PROGRAM === undefined && 'there is no engine: set RINGFENCE_BIN, or run cargo build';
