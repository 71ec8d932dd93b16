/**
 * What every npm script goes through, and the only file that may run before anything is installed:
 * Node's built-ins alone, Node 20 or later. It installs what the lock file names when that is
 * missing or outdated, then goes on with the asked-for tool under the Node 24 that was installed.
 *
 *   node tools/bootstrap.mjs <tool> [arguments …]
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const installedLock = join(modules, '.installed-lock');
const installing = join(root, '.stack', 'installing.pid');

/** The lock file's content, not its time, says whether the installation is current. */
function lockHash() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

function isInstalled() {
  const npmsOwn = join(modules, '.package-lock.json');
  if (!existsSync(npmsOwn) || !existsSync(join(modules, '.bin', 'node'))) return false;
  if (existsSync(installedLock)) return readFileSync(installedLock, 'utf8') === lockHash();
  // Someone ran `npm ci` by hand: believe it when it is newer than the lock file.
  if (statSync(npmsOwn).mtimeMs < statSync(join(root, 'package-lock.json')).mtimeMs) return false;
  writeFileSync(installedLock, lockHash());
  return true;
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** `npm ci` removes node_modules first, so two at once would pull it from under each other. */
async function takeInstallLock() {
  mkdirSync(dirname(installing), { recursive: true });
  for (let said = false; ; said = true) {
    try {
      writeFileSync(installing, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    let holder;
    try {
      holder = Number(readFileSync(installing, 'utf8'));
    } catch {
      continue;
    }
    if (holder > 0 && !isRunning(holder)) rmSync(installing, { force: true });
    else if (!said) console.log('another command is installing the dependencies, waiting for it …');
    await sleep(200);
  }
}

/** Runs a command to its end, signals included, and answers with its exit code. */
function run(command, args, env = process.env) {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', env });
    const forward = (signal) => child.kill(signal);
    // A terminal's Ctrl-C reaches the whole process group; here we only have to outlive the child.
    const ignore = () => {};
    const onInterrupt = process.stdin.isTTY ? ignore : forward;
    process.on('SIGINT', onInterrupt).on('SIGTERM', forward).on('SIGHUP', forward);
    child.on('error', failed);
    child.on('close', (code, signal) => {
      process.off('SIGINT', onInterrupt).off('SIGTERM', forward).off('SIGHUP', forward);
      done(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}

async function install() {
  await takeInstallLock();
  try {
    if (isInstalled()) return;
    console.log('installing the dependencies (npm ci, about half a minute) …');
    const began = Date.now();
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    // Node 20 is enough to install; npm's remarks about it would only hide what matters.
    const code = await run(npm, [
      'ci',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      '--progress',
    ]);
    if (code !== 0) {
      console.error(`npm ci failed (exit code ${code}); the lines above say why`);
      process.exit(code);
    }
    writeFileSync(installedLock, lockHash());
    console.log(`dependencies installed (${((Date.now() - began) / 1000).toFixed(0)} s)`);
  } finally {
    rmSync(installing, { force: true });
  }
}

const [tool, ...args] = process.argv.slice(2);
if (tool === undefined) {
  console.error('usage: node tools/bootstrap.mjs <tool> [arguments …]');
  process.exit(2);
}
if (!isInstalled()) await install();

if (!existsSync(resolve(root, tool))) {
  console.error(`${tool} does not exist yet`);
  process.exit(2);
}
const loader = pathToFileURL(join(root, 'tools', 'typescript.mjs')).href;
process.exitCode = await run(
  join(modules, '.bin', 'node'),
  [
    '--conditions=source',
    `--import=${loader}`,
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=TimeoutNegativeWarning', // kafkajs: known and harmless
    tool,
    ...args,
  ],
  { ...process.env, UPGRADE_COMMAND_PID: String(process.pid) },
);
