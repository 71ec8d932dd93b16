import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** How the command and its answer look on the wire. */
const COMMIT = 'COMMIT\0';

/** A line between a client and Postgres that is cut on command, also behind a commit. For tests. */
export class FaultyLine {
  readonly #clients = new Set<Socket>();
  #answersToLose = 0;

  private constructor(
    private readonly proxy: Server,
    private readonly server: URL,
  ) {}

  /** @param url of the server, as in DATABASE_URL */
  static async before(url: string): Promise<FaultyLine> {
    const proxy = createServer({ noDelay: true });
    const line = new FaultyLine(proxy, new URL(url));
    proxy.on('connection', (client) => {
      line.#join(client);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    return line;
  }

  /** The server's, by way of this line. */
  get url(): string {
    const url = new URL(this.server);
    url.host = `127.0.0.1:${String((this.proxy.address() as AddressInfo).port)}`;
    return url.href;
  }

  /** Ends all connections there are; new ones go through. */
  cut(): void {
    for (const client of this.#clients) client.resetAndDestroy();
  }

  /** The next commits take place, and whoever asked for them loses the connection instead. */
  loseCommitAnswers(count: number): void {
    this.#answersToLose = count;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.proxy.close(resolve));
  }

  #join(client: Socket): void {
    const { hostname: host, port } = this.server;
    const server = connect({ host, port: Number(port), noDelay: true });
    this.#clients.add(client);
    let isCommitting = false;
    client.on('data', (sent) => {
      isCommitting ||= this.#answersToLose > 0 && sent.includes(COMMIT);
      server.write(sent);
    });
    server.on('data', (answered) => {
      if (!isCommitting) {
        client.write(answered);
      } else if (answered.includes(COMMIT)) {
        this.#answersToLose -= 1;
        client.resetAndDestroy();
      }
    });
    const end = (): void => {
      this.#clients.delete(client);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('error', end).on('close', end);
  }
}
