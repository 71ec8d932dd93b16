import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

export type Report = (line: string) => void;

const OLDEST_JAVA = 17;
const DEBIAN_PACKAGES = ['openjdk-17-jre-headless', 'maven'];
const NEWER_DEBIAN_PACKAGES = ['openjdk-21-jre-headless', 'maven'];

/** Nothing here can run Kafka and Postgres, and the message says what to install. */
export class StackUnavailable extends Error {
  constructor(reason: string) {
    super(
      [
        `the local stack cannot start: ${reason}`,
        'Install Java 17 or later and Maven, or start Docker:',
        '  Debian, Ubuntu: sudo apt-get install -y openjdk-17-jre-headless maven',
        '  macOS:          brew install openjdk@21 maven',
        'or name servers that run already, in KAFKA_BROKERS and DATABASE_URL.',
      ].join('\n'),
    );
    this.name = 'StackUnavailable';
  }
}

/** Runs a program to its end without a terminal; the output is for the error message. */
export function execute(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; uid?: number; gid?: number } = {},
): Promise<{ code: number; output: string }> {
  return new Promise((done) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-65_536);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => {
      done({ code: 127, output: error.message });
    });
    child.on('close', (code) => {
      done({ code: code ?? 1, output });
    });
  });
}

/** The Java that would be used: JAVA_HOME's when set, otherwise the one on the path. */
export function javaCommand(): string {
  const home = process.env['JAVA_HOME'];
  return home !== undefined && home !== '' ? `${home}/bin/java` : 'java';
}

/** Whether there is a Java new enough for Kafka 4. */
export function hasJava(): boolean {
  const found = spawnSync(javaCommand(), ['-version'], { encoding: 'utf8' });
  const version = /version "(\d+)/.exec(found.stderr);
  return found.status === 0 && Number(version?.[1] ?? 0) >= OLDEST_JAVA;
}

export function hasMaven(): boolean {
  return spawnSync('mvn', ['-v'], { stdio: 'ignore' }).status === 0;
}

/** Asks the daemon: a client alone runs nothing. */
export function hasDocker(): boolean {
  const limits = { stdio: 'ignore', timeout: 10_000 } as const;
  return (
    spawnSync('docker', ['info'], limits).status === 0 &&
    spawnSync('docker', ['compose', 'version'], limits).status === 0
  );
}

function isRootOnDebian(): boolean {
  if (process.getuid?.() !== 0 || !existsSync('/etc/os-release')) return false;
  const release = readFileSync('/etc/os-release', 'utf8');
  return /^(ID|ID_LIKE)=.*(debian|ubuntu)/m.test(release);
}

async function installJavaAndMaven(report: Report): Promise<boolean> {
  report(`installing Java and Maven: apt-get install ${DEBIAN_PACKAGES.join(' ')} …`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = (packages: readonly string[]): Promise<{ code: number; output: string }> =>
    execute('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], { env });
  await execute('apt-get', ['update', '-q'], { env });
  let installed = await install(DEBIAN_PACKAGES);
  // Releases from 2025 on carry a later Java only.
  if (installed.code !== 0) installed = await install(NEWER_DEBIAN_PACKAGES);
  if (installed.code !== 0) report(installed.output.trim().split('\n').slice(-3).join('\n'));
  return installed.code === 0 && hasJava() && hasMaven();
}

/**
 * Decides how Kafka runs here: its Maven artifacts on a Java of this machine, Docker, or Java
 * installed first where that needs nobody's leave.
 */
export async function chooseKafkaProvider(
  fetched: boolean,
  report: Report,
): Promise<'java' | 'docker'> {
  if (hasJava() && (fetched || hasMaven())) return 'java';
  if (hasDocker()) return 'docker';
  if (isRootOnDebian()) {
    if (await installJavaAndMaven(report)) return 'java';
    throw new StackUnavailable('apt-get could not install Java and Maven');
  }
  throw new StackUnavailable('neither Java 17 with Maven nor a Docker daemon was found');
}
