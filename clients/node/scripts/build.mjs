// Builds the package: dist/esm for `import`, dist/cjs for `require`, each with its types.
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(dirname(fileURLToPath(import.meta.url)));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

function build(name, ...options) {
  const outDir = join(folder, 'dist', name);
  const project = ['-p', join(folder, 'tsconfig.build.json'), '--outDir', outDir];
  const { status } = spawnSync(process.execPath, [tsc, ...project, ...options], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(1);
  return outDir;
}

rmSync(join(folder, 'dist'), { recursive: true, force: true });
build('esm');
const cjs = build('cjs', '--module', 'CommonJS', '--moduleResolution', 'Node10');
writeFileSync(join(cjs, 'package.json'), '{ "type": "commonjs" }\n');
cpSync(join(folder, '../../LICENSE'), join(folder, 'LICENSE'));
