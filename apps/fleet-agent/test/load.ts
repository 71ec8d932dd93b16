import { Agent, request as httpRequest } from 'node:http';

const CONCURRENCY = 32;

export interface Answered {
  readonly status: number;
  readonly body: string;
}

/** One request; rejects when no complete answer came. */
export function ask(
  url: string,
  sockets: Agent | false,
  method = 'GET',
  body = '',
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(url, { agent: sockets, method }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => (text += part));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: text }));
      answer.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** Who answered: the greeter's version and its instance. */
export async function whoAnswers(
  url: string,
  sockets: Agent | false = false,
): Promise<{ readonly version: string; readonly instance: string }> {
  const { status, body } = await ask(url, sockets);
  if (status !== 200) throw new Error(`${status} ${body}`);
  return JSON.parse(body) as { version: string; instance: string };
}

/** Clients that ask without pause until told to stop; half of them with a new connection each time. */
export class Load {
  readonly versions = new Map<string, number>();
  readonly failures: string[] = [];
  answered = 0;
  #stopped = false;
  /** Requests that were begun before this many are none of `sinceMark`. */
  #begun = 0;
  #mark = Infinity;
  /** Versions that answered requests which were begun after `mark`. */
  readonly sinceMark = new Map<string, number>();
  static readonly #running = new Set<Load>();
  readonly #keptAlive = new Agent({ keepAlive: true });
  readonly #clients: Promise<void>[];

  /** Also what a test that failed has left running. */
  static async stopAll(): Promise<void> {
    await Promise.all([...Load.#running].map((load) => load.stop()));
  }

  constructor(url: string) {
    Load.#running.add(this);
    this.#clients = Array.from({ length: CONCURRENCY }, (_, client) =>
      this.#run(url, client % 2 === 0 ? this.#keptAlive : false, client),
    );
  }

  /** From here on `sinceMark` counts what is begun. */
  mark(): void {
    this.#mark = this.#begun;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#clients);
    this.#keptAlive.destroy();
    Load.#running.delete(this);
  }

  async #run(url: string, sockets: Agent | false, client: number): Promise<void> {
    for (let count = 0; !this.#stopped; count += 1) {
      const isPost = (client + count) % 4 === 3;
      const number = (this.#begun += 1);
      try {
        const { status, body } = await (isPost
          ? ask(url, sockets, 'POST', 'hello')
          : ask(url, sockets));
        this.answered += 1;
        if (status === 200) this.#count((JSON.parse(body) as { version: string }).version, number);
        else this.failures.push(`${status} ${body}`);
      } catch (error) {
        this.failures.push(String(error));
      }
    }
  }

  #count(version: string, number: number): void {
    this.versions.set(version, (this.versions.get(version) ?? 0) + 1);
    if (number <= this.#mark) return;
    this.sinceMark.set(version, (this.sinceMark.get(version) ?? 0) + 1);
  }
}
