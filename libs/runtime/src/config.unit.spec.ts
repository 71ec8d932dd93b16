import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ConfigError, describeConfig, loadConfig, serviceSettings, wholeNumber } from './config.js';

const schema = serviceSettings(8084).extend({
  RELAY_POLL_MS: wholeNumber(1, 60_000)
    .default(250)
    .meta({ description: 'Safety net of the relay', unit: 'ms' }),
  API_KEY_FILE: z.string().optional().meta({ description: 'File with a key' }),
});

const good = {
  DATABASE_URL: 'postgres://me:secret@db:5432/upgrades',
  KAFKA_BROKERS: 'a:9092, b:9092',
};

describe('configuration', () => {
  it('reads what is set, coerces it, and fills in defaults', () => {
    const config = loadConfig(schema, { ...good, PORT: '9000', HOME: '/nowhere', LOG_LEVEL: '' });
    expect(config).toMatchObject({
      PORT: 9000,
      KAFKA_BROKERS: ['a:9092', 'b:9092'],
      LOG_LEVEL: 'info',
      HOST: '127.0.0.1',
      RELAY_POLL_MS: 250,
    });
    expect(config.REPLICA_ID).toContain(String(process.pid));
    expect(config).not.toHaveProperty('HOME');
  });

  it('names every variable at fault at once, and no value, which may be a secret', () => {
    const env = { PORT: 'abc', DATABASE_URL: 'mysql://me:secret@db', RELAY_POLL_MS: '0' };
    const load = (): unknown => loadConfig(schema, env);
    expect(load).toThrow(ConfigError);
    try {
      load();
    } catch (error) {
      const { message, exitCode } = error as ConfigError;
      expect(exitCode).toBe(78);
      for (const name of ['PORT', 'DATABASE_URL', 'RELAY_POLL_MS']) {
        expect(message).toContain(`  ${name}: `);
      }
      expect(message).toContain('KAFKA_BROKERS: is not set (Kafka brokers to begin with');
      expect(message).not.toContain('secret');
      expect(message).not.toContain('abc');
    }
  });

  it('describes itself as rows of a table', () => {
    const rows = describeConfig(schema);
    const row = (name: string): unknown => rows.find((candidate) => candidate.name === name);
    expect(rows.map(({ name }) => name)).toEqual(Object.keys(schema.shape));
    expect(rows.every(({ description }) => description.length > 0)).toBe(true);
    expect(row('RELAY_POLL_MS')).toMatchObject({ default: '250', unit: 'ms', required: false });
    expect(row('DATABASE_URL')).toMatchObject({ default: undefined, required: true });
    expect(row('API_KEY_FILE')).toMatchObject({ default: undefined, required: false });
    expect(row('REPLICA_ID')).toMatchObject({ default: '<host name>-<process id>' });
  });
});
