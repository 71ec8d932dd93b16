/**
 * A small real service to be upgraded in examples, demos and tests. The files beside it are its
 * versions; what they differ in is what they hand to `serve`.
 *
 *   PORT         where to listen on 127.0.0.1
 *   INSTANCE_ID  who it says it is
 *
 *   GET /health     200 {version, healthy: true} or 503 {version, healthy: false, problem}
 *   GET /           {greeting, version, instance} after a few milliseconds
 *   GET /slow?ms=   the same after that many milliseconds
 *
 * On SIGTERM it takes nothing new, finishes what is under way, and exits.
 */
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const ANSWER_AFTER_MS = 3;
const SLOW_MAX_MS = 60_000;
/** Longer than any client keeps an idle connection, so that it is the client who closes it. */
const KEEP_ALIVE_MS = 65_000;

/**
 * @param {object} version
 * @param {string} version.version its real version
 * @param {string} version.greeting what it says
 * @param {string} [version.reports] the version it claims to be
 * @param {number} [version.startsAfterMs] how long it takes before it listens
 * @param {string} [version.problem] why it is never healthy
 * @param {number} [version.crashesAfterMs] how long it lives once it listens
 * @param {number} [version.failsEvery] every so many greetings are a 500
 * @param {number} [version.turnsBadAfterMs] how long it is good once it listens: then its health says
 *   that it is not, and every second greeting is a 500
 */
export async function serve(version) {
  const instance = process.env.INSTANCE_ID ?? 'unnamed';
  let { problem, failsEvery } = version;
  let greeted = 0;
  let ending = false;

  const answer = (response, status, body) => {
    const headers = { 'content-type': 'application/json' };
    if (ending) headers.connection = 'close';
    response.writeHead(status, headers).end(JSON.stringify(body));
  };

  const greet = async (response, afterMs) => {
    await sleep(afterMs);
    greeted += 1;
    if (failsEvery !== undefined && greeted % failsEvery === 0) {
      answer(response, 500, { problem: 'the greeting got lost' });
      return;
    }
    answer(response, 200, { greeting: version.greeting, version: version.version, instance });
  };

  const server = createServer((request, response) => {
    request.resume();
    const url = new URL(request.url ?? '/', 'http://greeter');
    const reports = version.reports ?? version.version;
    if (url.pathname === '/health') {
      const body = { version: reports, healthy: problem === undefined, instance };
      answer(response, problem === undefined ? 200 : 503, { ...body, problem });
    } else if (url.pathname === '/') {
      void greet(response, ANSWER_AFTER_MS);
    } else if (url.pathname === '/slow') {
      const asked = Number(url.searchParams.get('ms') ?? '1000');
      void greet(response, Math.min(Math.max(asked || 0, 0), SLOW_MAX_MS));
    } else {
      answer(response, 404, { problem: 'no such path' });
    }
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;

  process.on('SIGTERM', () => {
    ending = true;
    if (!server.listening) process.exit(0);
    server.close(() => process.exit(0));
  });

  if (version.startsAfterMs !== undefined) await sleep(version.startsAfterMs);
  server.listen(Number(process.env.PORT ?? '0'), '127.0.0.1', () => {
    const { port } = server.address();
    process.stdout.write(`greeter ${version.version} as ${instance} on port ${port}\n`);
    if (version.crashesAfterMs !== undefined) {
      void sleep(version.crashesAfterMs).then(() => {
        process.stderr.write('out of memory, or so\n');
        process.exit(70);
      });
    }
    if (version.turnsBadAfterMs !== undefined) {
      void sleep(version.turnsBadAfterMs).then(() => {
        process.stderr.write('the dictionary got lost\n');
        problem = 'has lost its dictionary';
        failsEvery = 2;
      });
    }
  });
}

/** A number from the environment, so that tests need not wait for what a demo shows slowly. */
export function fromEnv(name, fallback) {
  const value = Number(process.env[name] ?? '');
  return Number.isFinite(value) && value > 0 ? value : fallback;
}
