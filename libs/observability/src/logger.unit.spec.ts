import { describe, expect, it } from '@jest/globals';
import { createLogger, kafkaLogCreator, NestLogger } from './logger.js';

type Line = Record<string, unknown>;

function scene(): { lines: Line[]; logger: ReturnType<typeof createLogger> } {
  const lines: Line[] = [];
  const logger = createLogger(
    { service: 'validator', replicaId: 'r1', level: 'debug' },
    { write: (text) => lines.push(JSON.parse(text) as Line) },
  );
  return { lines, logger };
}

describe('the logger', () => {
  it('writes lines that say whose they are', () => {
    const { lines, logger } = scene();
    logger.info({ executionId: 'e1' }, 'started');
    expect(lines).toMatchObject([
      { level: 'info', service: 'validator', replica: 'r1', executionId: 'e1', msg: 'started' },
    ]);
    expect(lines[0]?.['time']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it('keeps secrets out', () => {
    const { lines, logger } = scene();
    logger.info({ password: 'p1', headers: { authorization: 'p2', cookie: 'p3' } }, 'request');
    expect(JSON.stringify(lines)).not.toMatch(/p[123]/);
  });
});

describe('kafkajs’ log', () => {
  const entry = (level: number, message: string, error?: string) => ({
    namespace: 'Connection',
    level,
    log: { message, timestamp: 'now', ...(error === undefined ? {} : { error }) },
  });

  it('goes down to debug where kafkajs heals by itself, else to warn', () => {
    const { lines, logger } = scene();
    const write = kafkaLogCreator(logger)();
    write(entry(1, 'Response', 'The coordinator is loading and hence cannot process requests'));
    write(entry(1, 'Response', 'The group coordinator is not available'));
    write(entry(4, 'Stopped'));
    write(entry(1, 'Connection error: connect ECONNREFUSED'));
    expect(lines.map(({ level }) => level)).toEqual(['debug', 'debug', 'debug', 'warn']);
    expect(lines[3]).toMatchObject({ from: 'kafkajs/Connection' });
    expect(lines[3]).not.toHaveProperty('timestamp');
  });

  it('does not repeat a line at every try', () => {
    const { lines, logger } = scene();
    let nowMs = 0;
    const write = kafkaLogCreator(logger, () => nowMs)();
    for (; nowMs < 20_000; nowMs += 500) write(entry(1, 'Connection error: refused'));
    expect(lines).toHaveLength(2);
  });
});

describe('Nest’s log', () => {
  it('keeps levels and contexts, and makes start-up chatter debug', () => {
    const { lines, logger } = scene();
    const nest = new NestLogger(logger);
    nest.log('Nest application successfully started', 'NestApplication');
    nest.warn('odd', 'Router');
    nest.error('bad', 'stack of it', 'ExceptionsHandler');
    nest.error(new Error('worse'));
    expect(lines).toMatchObject([
      { level: 'debug', from: 'NestApplication' },
      { level: 'warn', from: 'Router', msg: 'odd' },
      { level: 'error', from: 'ExceptionsHandler', detail: ['stack of it'] },
      { level: 'error', from: 'nest', msg: 'worse', err: { type: 'Error', message: 'worse' } },
    ]);
  });
});
