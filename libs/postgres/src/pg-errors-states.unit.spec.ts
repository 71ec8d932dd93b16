import { expect, it } from '@jest/globals';
import { translated } from './pg-errors.js';
import { TransientDatabaseError } from './service-database.js';

const refused = (code: string): Error => Object.assign(new Error('refused'), { code });

it.each(['08006', '53300', '57P01', '57P03', '40001', '40P01', '55P03', '57014', '25P03', '25P04'])(
  '%s passes by itself',
  (code) => {
    expect(translated(refused(code))).toBeInstanceOf(TransientDatabaseError);
  },
);

it.each(['23514', '42601', '22P05', '57000'])('%s does not', (code) => {
  expect(translated(refused(code))).not.toBeInstanceOf(TransientDatabaseError);
});
