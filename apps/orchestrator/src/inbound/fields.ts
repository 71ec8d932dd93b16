/** Fields that several requests and answers have in common. */
import { z } from 'zod';
import { REQUEST_LIMITS } from '#core/limits.js';
import { isCoercibleText, isRangeText, isVersionText } from '../registry.js';

export const Uuid = z.uuid().meta({ examples: ['0b9f6f0e-6a43-4c0e-9d3f-3c0f5f6a7b10'] });

/** A UUID or a slug. */
export const TenantId = z
  .string()
  .regex(
    /^(?:[a-z0-9][a-z0-9-]{0,62}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$/,
    'expected a UUID or a slug of lower-case letters, digits and -',
  )
  .meta({ examples: ['acme'] });

export const Slug = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected a slug of lower-case letters, digits and -')
  .meta({ examples: ['payments-api'] });

export const SemVerText = z
  .string()
  .max(REQUEST_LIMITS.versionMaxChars)
  .refine(isVersionText, 'expected a semantic version such as 1.4.0')
  .meta({ examples: ['1.4.0'] });

export const RangeText = z
  .string()
  .max(REQUEST_LIMITS.rangeMaxChars)
  .refine(isRangeText, 'expected a range of versions such as >=3.5 <5')
  .meta({ examples: ['>=3.5 <5'] });

export const Text = z.string().min(1).max(REQUEST_LIMITS.textMaxChars);

export const Time = z.iso
  .datetime()
  .meta({ description: 'UTC, ISO 8601', examples: ['2026-03-01T09:30:00.000Z'] });

/** A moment as it is asked for, in ISO 8601 with any offset; read as ms since the epoch. */
export const Moment = z.iso
  .datetime({ offset: true })
  .meta({ examples: ['2026-03-01T09:30:00Z'] })
  .transform((text) => Date.parse(text));

export const Percentage = z
  .int()
  .min(REQUEST_LIMITS.percentageMin)
  .max(REQUEST_LIMITS.percentageMax);

/** A map with at most so many entries. */
export function boundedMap<Key extends z.ZodString, Value extends z.ZodType>(
  key: Key,
  value: Value,
  max: number,
) {
  return z
    .record(key, value)
    .refine((map) => Object.keys(map).length <= max, `expected at most ${String(max)} entries`);
}

/** What every registered thing carries. */
export const registered = { id: Uuid, createdAt: Time, updatedAt: Time };

export function timesOf(of: { createdAtMs: number; updatedAtMs: number }): {
  createdAt: string;
  updatedAt: string;
} {
  return { createdAt: isoOf(of.createdAtMs), updatedAt: isoOf(of.updatedAtMs) };
}

export function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

export function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : isoOf(ms);
}

/** A platform's version: written as people write versions, read as semver. */
export const PlatformVersion = z
  .string()
  .max(REQUEST_LIMITS.versionMaxChars)
  .refine(isCoercibleText, 'expected a version such as 2.1.0')
  .meta({ examples: ['2.1.0'] });
