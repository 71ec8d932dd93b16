import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { configTable, withTable } from './config-table.js';

describe('the table of configuration', () => {
  it('says of each variable who reads it, its default and its meaning', () => {
    const table = configTable({
      one: z.object({
        PORT: z.coerce.number().default(1).meta({ description: 'Port' }),
        URL: z.string().meta({ description: 'Where' }),
      }),
      two: z.object({
        PORT: z.coerce.number().default(2).meta({ description: 'Port' }),
        WAIT: z.coerce.number().optional().meta({ description: 'Pause a|b', unit: 'ms' }),
      }),
    });
    expect(table.split('\n').map((line) => line.replace(/ +/g, ' '))).toEqual([
      '| variable | read by | default | meaning |',
      expect.stringMatching(/^\| -+ \| -+ \| -+ \| -+ \|$/),
      '| `PORT` | all | `1` (one), `2` (two) | Port |',
      '| `URL` | one | **must be set** | Where |',
      '| `WAIT` | two | unset | Pause a\\|b (ms) |',
    ]);
  });

  it('is not written where there are no markers', () => {
    expect(() => withTable('# README', '')).toThrow('no markers');
  });
});
