import {
  Controller,
  Get,
  Headers,
  Inject,
  type OnModuleDestroy,
  Optional,
  Param,
  Query,
  Res,
} from '@nestjs/common';
import { ApiHeader, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { HttpReply } from './http-reply.js';
import { Readable } from 'node:stream';
import type { z } from 'zod';
import type { ProgressEvent } from '#contracts/progress.messages.js';
import { REQUEST_LIMITS } from '#core/limits.js';
import { Clock } from '#runtime/clock.js';
import { invalidRequest, Refusal } from '../refusal.js';
import { UpgradeReadsRunner } from '../upgrade-reads.runner.js';
import { CallerOf, type Caller } from './caller.js';
import { Documented } from './documented.js';
import { Uuid } from './fields.js';
import { positionAfter, shownPage } from './paging.js';
import { EventsQuery } from './upgrade-requests.js';
import { BASE_PATH, EventPage } from './upgrade-views.js';

/** Token of the number of live streams one process serves; left out: the limit's. */
export const STREAMS_MAX = 'STREAMS_MAX';

/** Progress events of an upgrade: pages, or a live stream that can be taken up again. */
@ApiTags('Upgrades')
@Controller(`${BASE_PATH}/upgrades/:id/events`)
export class UpgradeEventsController implements OnModuleDestroy {
  #streams = 0;
  readonly #ending = new AbortController();

  constructor(
    private readonly reads: UpgradeReadsRunner,
    private readonly clock: Clock,
    @Optional()
    @Inject(STREAMS_MAX)
    private readonly streamsMax: number = REQUEST_LIMITS.streamsMax,
  ) {}

  /** Streams end first, or a server that closes would wait for them as long as upgrades run. */
  onModuleDestroy(): void {
    this.#ending.abort();
  }

  @Get()
  @ApiProduces('application/json', 'text/event-stream')
  @ApiHeader({
    name: 'Last-Event-ID',
    required: false,
    description: 'Of a stream: it goes on after this event; a sequence, or the whole id',
    schema: { type: 'string', example: '17' },
  })
  @Documented({
    summary: 'Progress events, the oldest first',
    description:
      'With `Accept: text/event-stream` a live stream, which goes on after `Last-Event-ID` and ' +
      'ends when the upgrade has ended and all its events were sent; asked for more after that ' +
      'it is answered 204.',
    answers: {
      200: { description: 'A page, or the stream', schema: EventPage },
      204: { description: 'No event will ever follow the one named by Last-Event-ID' },
    },
    problems: [404],
  })
  async listUpgradeEvents(
    @Param('id', { schema: Uuid }) id: string,
    @Query({ schema: EventsQuery }) query: z.output<typeof EventsQuery>,
    @CallerOf() { tenantId }: Caller,
    @Headers() headers: Readonly<Record<string, string | undefined>>,
    @Res() reply: HttpReply,
  ): Promise<void> {
    if (headers['accept']?.includes('text/event-stream') === true) {
      await this.#stream(id, tenantId, lastSequence(headers['last-event-id']), reply);
      return;
    }
    const { limit, cursor } = query;
    const page = { afterSequence: positionAfter(cursor, 0), limit: limit + 1 };
    const { events } = await this.reads.events(id, tenantId, page);
    void reply.send(shownPage(events, limit, same, ({ data }) => [data.sequence]));
  }

  async #stream(
    id: string,
    tenantId: string | null,
    afterSequence: number,
    reply: HttpReply,
  ): Promise<void> {
    // The first read comes before the answer, so that what is not there is a 404 and not a stream.
    const page = { afterSequence, limit: REQUEST_LIMITS.pageMax };
    const first = await this.reads.events(id, tenantId, page);
    if (first.events.length === 0 && !first.mayFollow) {
      void reply.status(204).send();
      return;
    }
    if (this.#streams >= this.streamsMax) {
      const title = 'There are as many live streams as there may be: ask for pages';
      throw new Refusal('TOO_MANY_STREAMS', 503, title, {}, { 'retry-after': '5' });
    }
    // Not the stream's own end: that one waits for the generator, which may have nothing to say.
    const gone = new AbortController();
    this.#streams += 1;
    reply.raw.once('close', () => {
      this.#streams -= 1;
      gone.abort();
    });
    const over = AbortSignal.any([gone.signal, this.#ending.signal]);
    const stream = Readable.from(this.#follow(id, tenantId, afterSequence, over));
    const headers = {
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      // Kept alive after its end it would be what a closing server waits for.
      connection: 'close',
    };
    void reply.type('text/event-stream').headers(headers).send(stream);
  }

  /** Goes on until no event can follow, or until nobody listens any more. */
  async *#follow(
    id: string,
    tenantId: string | null,
    afterSequence: number,
    over: AbortSignal,
  ): AsyncGenerator<string> {
    const limit = REQUEST_LIMITS.pageMax;
    // Headers leave with the first bytes: whoever listens is to know at once that it is open.
    yield ': open\n\n';
    let after = afterSequence;
    let lastSentMs = this.clock.nowMs();
    for (;;) {
      const page = { afterSequence: after, limit };
      const { events, mayFollow } = await this.reads.events(id, tenantId, page);
      for (const event of events) yield eventText(event);
      after = events.at(-1)?.data.sequence ?? after;
      if (events.length > 0) lastSentMs = this.clock.nowMs();
      if (!mayFollow || over.aborted) return;
      if (events.length === limit) continue;
      if (this.clock.nowMs() - lastSentMs >= REQUEST_LIMITS.streamKeepAliveMs) {
        lastSentMs = this.clock.nowMs();
        yield ': still here\n\n';
      }
      await this.clock.sleep(REQUEST_LIMITS.streamPollMs, over);
    }
  }
}

function eventText(event: ProgressEvent): string {
  const { data, type } = event;
  return `id: ${String(data.sequence)}\nevent: ${type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** The sequence, or an event's whole id; 0 when there is none. */
function lastSequence(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  const digits = /^(?:[0-9a-f-]{36}\/)?(\d{1,15})$/.exec(text)?.[1];
  if (digits !== undefined) return Number(digits);
  throw invalidRequest([{ field: 'Last-Event-ID', expected: 'the id of an event, such as 17' }]);
}

function same(event: ProgressEvent): ProgressEvent {
  return event;
}
