/** What an answer of Prometheus' `/api/v1/query` comes to: one value, none, or a trouble. */
import { z } from 'zod';
import { PROMETHEUS_LIMITS } from './prometheus-limits.js';

/** It answered, but not with one value; or it could not be asked. */
export class PrometheusError extends Error {
  override readonly name = 'PrometheusError';
}

/** Seconds since 1970, and the value as text: `NaN` and `+Inf` are none in JSON. */
const point = z.tuple([z.number(), z.string()]);

const Answer = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('success'),
    data: z.discriminatedUnion('resultType', [
      z.object({ resultType: z.literal('scalar'), result: point }),
      z.object({
        resultType: z.literal('vector'),
        // A native histogram has no value.
        result: z.array(z.object({ value: point.optional() })),
      }),
      z.object({ resultType: z.enum(['matrix', 'string']) }),
    ]),
  }),
  z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() }),
]);

/**
 * The value, perhaps NaN; null: no series fits the query.
 * @throws PrometheusError for everything that is not one value
 */
export function valueOf(httpStatus: number, text: string): number | null {
  const parsed = Answer.safeParse(jsonOf(text));
  if (!parsed.success) {
    const redirected = httpStatus >= 300 && httpStatus < 400 ? ' (a redirect)' : '';
    throw new PrometheusError(
      httpStatus === 200
        ? 'Prometheus answered something else than its API says'
        : `Prometheus answered ${String(httpStatus)}${redirected}`,
    );
  }
  const answer = parsed.data;
  if (answer.status === 'error') {
    const said = answer.error.slice(0, PROMETHEUS_LIMITS.errorMaxChars);
    throw new PrometheusError(`Prometheus refused the query: ${said}`);
  }
  if (httpStatus !== 200) throw new PrometheusError(`Prometheus answered ${String(httpStatus)}`);
  const { data } = answer;
  if (data.resultType === 'scalar') return numberOf(data.result[1]);
  if (data.resultType !== 'vector') {
    throw new PrometheusError(`the query gives a ${data.resultType}, not one value`);
  }
  const [first, ...others] = data.result;
  if (first === undefined) return null;
  if (others.length > 0) {
    throw new PrometheusError(`the query gives ${String(data.result.length)} series, not one`);
  }
  if (first.value === undefined) throw new PrometheusError('the query gives a histogram');
  return numberOf(first.value[1]);
}

/** `+Inf` is no number here either: nothing was measured. */
function numberOf(text: string): number {
  return text.trim() === '' ? NaN : Number(text);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
