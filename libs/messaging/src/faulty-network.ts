import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { ISocketFactory } from 'kafkajs';

/** The number of produce requests in Kafka's protocol. */
const PRODUCE_API_KEY = 0;
/** A frame begins with its length as four bytes. */
const LENGTH_BYTES = 4;
const CORRELATION_ID_BYTES = 4;
const COUNT_BYTES = 4;
const PARTITION_BYTES = 4;
const OUT_OF_ORDER_SEQUENCE_NUMBER = 45;

interface Link {
  readonly client: Socket;
  readonly broker: Socket;
  /** Correlation ids of produce requests that wait for their answers. */
  readonly produces: Set<number>;
}

/**
 * A network between a client and one broker that fails on command. It reads the frames of Kafka's
 * protocol, so it can tell the answer to a produce request from others. For tests.
 */
export class FaultyNetwork {
  readonly #links = new Set<Link>();
  #answersToSwallow = 0;
  #answersToSpoil = 0;
  #isCut = false;
  /** Answers to produce requests that never reached the client. */
  swallowed = 0;
  /** Most produce requests that were without an answer at one time. */
  mostProducesAtOnce = 0;
  produceRequests = 0;
  /** Connections that were not let through. */
  refused = 0;

  private constructor(private readonly proxy: Server) {}

  /** Opens a network in front of `broker` (`host:port`). */
  static async before(broker: string): Promise<FaultyNetwork> {
    const [host = '', port = ''] = broker.split(':');
    const proxy = createServer({ noDelay: true });
    const network = new FaultyNetwork(proxy);
    proxy.on('connection', (client) => {
      network.#link(client, connect({ host, port: Number(port), noDelay: true }));
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    return network;
  }

  /** Leads a client's sockets through here, whatever address the broker advertises. */
  readonly socketFactory: ISocketFactory = ({ onConnect }) => {
    const { port } = this.proxy.address() as AddressInfo;
    return connect({ host: '127.0.0.1', port, noDelay: true }, onConnect);
  };

  /** The next answers to produce requests are dropped, and their connections reset. */
  swallowProduceAnswers(count: number): void {
    this.#answersToSwallow += count;
  }

  /**
   * The next answers to produce requests name an out-of-order sequence for their first partition:
   * an error kafkajs does not retry by itself, although the messages were written.
   */
  spoilProduceAnswers(count: number): void {
    this.#answersToSpoil += count;
  }

  /** Resets all connections and lets none through until `mend`. */
  cut(): void {
    this.#isCut = true;
    for (const link of this.#links) this.#reset(link);
  }

  mend(): void {
    this.#isCut = false;
  }

  close(): void {
    this.cut();
    this.proxy.close();
  }

  #link(client: Socket, broker: Socket): void {
    const link: Link = { client, broker, produces: new Set() };
    this.#links.add(link);
    if (this.#isCut) {
      this.refused += 1;
      this.#reset(link);
      return;
    }
    const end = (): void => {
      this.#reset(link);
    };
    for (const socket of [client, broker]) socket.on('error', end).on('close', end);
    client.on(
      'data',
      framesInto((frame) => {
        this.#fromClient(link, frame);
      }),
    );
    broker.on(
      'data',
      framesInto((frame) => {
        this.#fromBroker(link, frame);
      }),
    );
  }

  #fromClient(link: Link, frame: Buffer): void {
    if (frame.readInt16BE(LENGTH_BYTES) === PRODUCE_API_KEY) {
      this.produceRequests += 1;
      link.produces.add(frame.readInt32BE(LENGTH_BYTES + 4));
      let atOnce = 0;
      for (const { produces } of this.#links) atOnce += produces.size;
      this.mostProducesAtOnce = Math.max(this.mostProducesAtOnce, atOnce);
    }
    link.broker.write(frame);
  }

  #fromBroker(link: Link, frame: Buffer): void {
    const isProduceAnswer = link.produces.delete(frame.readInt32BE(LENGTH_BYTES));
    if (isProduceAnswer && this.#answersToSwallow > 0) {
      this.#answersToSwallow -= 1;
      this.swallowed += 1;
      this.#reset(link);
      return;
    }
    if (isProduceAnswer && this.#answersToSpoil > 0) {
      this.#answersToSpoil -= 1;
      frame.writeInt16BE(OUT_OF_ORDER_SEQUENCE_NUMBER, errorCodeAt(frame));
    }
    link.client.write(frame);
  }

  #reset(link: Link): void {
    this.#links.delete(link);
    link.client.resetAndDestroy();
    link.broker.destroy();
  }
}

/** Where the error code of the first partition stands in the answer to a produce request. */
function errorCodeAt(frame: Buffer): number {
  const topicAt = LENGTH_BYTES + CORRELATION_ID_BYTES + COUNT_BYTES;
  const topicBytes = 2 + frame.readInt16BE(topicAt);
  return topicAt + topicBytes + COUNT_BYTES + PARTITION_BYTES;
}

/** Cuts a stream of bytes into whole frames, each with its length in front. */
function framesInto(take: (frame: Buffer) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + rest.readInt32BE(0);
      if (rest.length < end) return;
      take(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  };
}
