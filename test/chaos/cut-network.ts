/** A network between the services and Postgres that can be cut, and can go silent. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

interface Link {
  readonly near: Socket;
  readonly far: Socket;
}

export class CutNetwork {
  readonly #links = new Set<Link>();
  #isSilent = false;

  private constructor(
    private readonly server: Server,
    private readonly to: { readonly host: string; readonly port: number },
  ) {}

  /** Opens one in front of a server. */
  static async before(host: string, port: number): Promise<CutNetwork> {
    const server = createServer({ noDelay: true });
    const network = new CutNetwork(server, { host, port });
    server.on('connection', (near) => {
      network.#link(near);
    });
    await new Promise<void>((listens) => server.listen(0, '127.0.0.1', listens));
    return network;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Resets a share (0 to 1) of the connections, in the middle of whatever they carry. */
  reset(share: number, next: () => number): void {
    for (const link of [...this.#links]) if (next() < share) this.#end(link);
  }

  /** Carries nothing in either direction, new connections neither, until `speak`. */
  silence(): void {
    this.#isSilent = true;
    for (const { near, far } of this.#links) {
      near.pause();
      far.pause();
    }
  }

  speak(): void {
    this.#isSilent = false;
    for (const { near, far } of this.#links) {
      near.resume();
      far.resume();
    }
  }

  async close(): Promise<void> {
    for (const link of [...this.#links]) this.#end(link);
    await new Promise<void>((closed) => this.server.close(() => closed()));
  }

  #link(near: Socket): void {
    const far = connect({ ...this.to, noDelay: true });
    const link: Link = { near, far };
    this.#links.add(link);
    near.pipe(far);
    far.pipe(near);
    if (this.#isSilent) {
      near.pause();
      far.pause();
    }
    const end = (): void => {
      this.#end(link);
    };
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
  }

  #end(link: Link): void {
    if (!this.#links.delete(link)) return;
    link.near.resetAndDestroy();
    link.far.resetAndDestroy();
  }
}
