import {
  Catch,
  type INestApplication,
  type INestMicroservice,
  type RpcExceptionFilter,
} from '@nestjs/common';
import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import type { Consumer } from 'kafkajs';
import { isObservable, lastValueFrom, throwError, type Observable } from 'rxjs';
import { isTransientFault, type BatchHandler } from './batch-delivery.js';
import {
  KafkaConsumption,
  type ConsumptionOptions,
  type ConsumptionStatus,
} from './kafka-consumption.js';
import type { IncomingMessage } from './incoming-message.js';
import { CONSUMER_CLOSE_LIMIT_MS } from './messaging-limits.js';

/** What a transport is made of. */
export type KafkaTransportOptions = Omit<ConsumptionOptions, 'isTransient' | 'topics'> & {
  /** Left out: `isTransientFault`. */
  readonly isTransient?: (error: unknown) => boolean;
};

/** A type, not an interface: Nest wants an index signature. */
type TransportEvents = { status: (status: ConsumptionStatus) => void };

/** The part of Nest's microservice that its public interface leaves out. */
interface AttachedMicroservice extends INestMicroservice {
  setIsInitHookCalled(isCalled: boolean): void;
}

/**
 * Lets the errors of handlers through as they are. Without it Nest replaces every error it does not
 * know by "Internal server error", and a passing fault could not be told from a bad message.
 */
@Catch()
export class HandlerErrors implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

/** Handlers lose their errors on the way: a mistake in the wiring, on which no message may depend. */
class ErrorsLostOnTheWay extends Error {
  override readonly name = 'ErrorsLostOnTheWay';
}

/**
 * Kafka for Nest: one consumer group for all `@EventPattern<string>('topic')` methods of a service.
 * A method is called with IncomingMessage[] (at most HANDLER_BATCH_MAX, of one partition, in offset
 * order) and resolves when its effects are committed; only then are the offsets. It does its own
 * parsing: nothing about a message is checked before.
 *
 * Attach it by `connectTransport`, not by hand.
 */
export class KafkaTransport
  extends Server<TransportEvents, ConsumptionStatus>
  implements CustomTransportStrategy
{
  /** Our handlers' errors are judged here, not logged and forgotten by Nest. */
  override readonly propagatesEventHandlerErrors = true;
  #consumption: KafkaConsumption | undefined;
  #ownMistake: Error | undefined;

  constructor(private readonly options: KafkaTransportOptions) {
    super();
  }

  /** Called by Nest: joins the group with the topics of all handlers, waiting for the broker. */
  listen(callback: (error?: unknown) => void): void {
    this.#start().then(() => {
      callback();
    }, callback);
  }

  /** No further call of a handler; resolves when those under way are over. */
  async stopTaking(): Promise<void> {
    await this.#consumption?.stopTaking();
  }

  /** Leaves the group in good order after the calls under way, at the latest after `limitMs`. */
  async close(limitMs = CONSUMER_CLOSE_LIMIT_MS): Promise<void> {
    await this.#consumption?.close(limitMs);
  }

  /** Whether the consumer lives, and whether it can work now; else why not. */
  health(): { readonly live: boolean; readonly ready: boolean; readonly reason?: string } {
    return (
      this.#consumption?.health() ?? { live: true, ready: false, reason: 'consumer not started' }
    );
  }

  /** Status words of the consumer: `joined`, `rebalancing`, `crashed`, `dead`. */
  override on(event: 'status', callback: (status: ConsumptionStatus) => void): void {
    this.status.subscribe(callback);
  }

  /** kafkajs' consumer, for tests. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- as Nest has it
  override unwrap<T = Consumer>(): T {
    if (this.#consumption === undefined) throw new Error('the transport does not listen yet');
    return this.#consumption.consumer as T;
  }

  async #start(): Promise<void> {
    const topics = [...this.messageHandlers.keys()];
    const { isTransient = isTransientFault, onDead } = this.options;
    const consumption = new KafkaConsumption({
      ...this.options,
      topics,
      // A fault of the wiring is kept from making letters of good messages until the process ends.
      isTransient: (error) => error instanceof ErrorsLostOnTheWay || isTransient(error),
      onDead,
    });
    this.#consumption = consumption;
    consumption.onStatus((status) => {
      this._status$.next(status);
    });
    await consumption.start(new Map(topics.map((topic) => [topic, this.#handlerOf(topic)])));
  }

  #handlerOf(topic: string): BatchHandler {
    const handler = this.getHandlerByPattern(topic);
    if (handler === null) throw new Error(`no handler for topic ${topic}`);
    return (messages) => this.#call(handler, messages);
  }

  async #call(handler: MessageHandler, messages: IncomingMessage[]): Promise<void> {
    if (this.#ownMistake !== undefined) throw this.#ownMistake;
    try {
      const result: unknown = await handler(messages);
      if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
    } catch (error) {
      if (error instanceof Error) throw error;
      this.#ownMistake = new ErrorsLostOnTheWay(
        'handlers must throw errors, and the transport must be attached by connectTransport',
        { cause: error },
      );
      this.options.onDead(this.#ownMistake);
      throw this.#ownMistake;
    }
  }
}

/**
 * Attaches a transport to an application, so that handlers' errors reach it unchanged. The
 * application's own pipes and filters do not apply to its handlers: they are made for requests.
 */
export function connectTransport(
  app: INestApplication,
  transport: KafkaTransport,
): INestMicroservice {
  const microservice = app.connectMicroservice(
    { strategy: transport },
    { inheritAppConfig: false, deferInitialization: true },
  ) as AttachedMicroservice;
  // The application runs the life-cycle hooks; deferred, they would run once more from here.
  microservice.setIsInitHookCalled(true);
  microservice.useGlobalFilters(new HandlerErrors());
  return microservice;
}
