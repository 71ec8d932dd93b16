import { describe, expect, it } from '@jest/globals';
import { METRICS, metricOver, TrafficCounts } from '../src/proxy/traffic-counts.js';

const QUICK = { latencyMs: 10, isError: false };
const FAILED = { latencyMs: 10, isError: true };

describe('metrics of instances', () => {
  it.each(METRICS)('%s is not known when they had no requests', (metric) => {
    expect(metricOver(metric, [], 1_000)).toBeNull();
    expect(metricOver(metric, [new TrafficCounts(0)], 1_000)).toBeNull();
  });

  it.each(METRICS)('%s is not known any more a minute after the last request', (metric) => {
    const counts = new TrafficCounts(0);
    counts.count(QUICK, 1_000);
    expect(metricOver(metric, [counts], 55_000)).not.toBeNull();
    expect(metricOver(metric, [counts], 70_000)).toBeNull();
  });

  it('error_rate is the part that failed, of all of them together', () => {
    const [one, other] = [new TrafficCounts(0), new TrafficCounts(0)];
    for (let count = 0; count < 9; count += 1) one.count(QUICK, 1_000);
    other.count(FAILED, 2_000);
    expect(metricOver('error_rate', [one, other], 3_000)).toBe(0.1);
    expect(metricOver('error_rate', [one], 3_000)).toBe(0);
    expect(metricOver('error_rate', [other], 3_000)).toBe(1);
  });

  it('error_rate forgets what is over a minute old', () => {
    const counts = new TrafficCounts(0);
    counts.count(FAILED, 1_000);
    counts.count(QUICK, 62_000);
    expect(metricOver('error_rate', [counts], 63_000)).toBe(0.5);
    expect(metricOver('error_rate', [counts], 70_000)).toBe(0);
  });

  it.each([0, 0.05, 1, 12, 250, 3_000, 60_000])(
    'latency_p95_ms of %d ms is not less, and at most a tenth more',
    (latencyMs) => {
      const counts = new TrafficCounts(0);
      counts.count({ latencyMs, isError: false }, 0);
      const value = metricOver('latency_p95_ms', [counts], 0) ?? 0;
      expect(value).toBeGreaterThanOrEqual(latencyMs * 0.999);
      expect(value).toBeLessThanOrEqual(Math.max(latencyMs * 1.101, 0.1));
    },
  );

  it('latency_p95_ms of what took longer than is told apart is longer than two minutes', () => {
    const counts = new TrafficCounts(0);
    counts.count({ latencyMs: 3_600_000, isError: false }, 0);
    expect(metricOver('latency_p95_ms', [counts], 0)).toBeGreaterThan(120_000);
  });

  it('latency_p95_ms leaves out the slowest twentieth', () => {
    const counts = new TrafficCounts(0);
    for (let count = 0; count < 95; count += 1) counts.count(QUICK, 0);
    for (let count = 0; count < 5; count += 1) {
      counts.count({ latencyMs: 5_000, isError: false }, 0);
    }
    expect(metricOver('latency_p95_ms', [counts], 0)).toBeLessThan(12);
    counts.count({ latencyMs: 5_000, isError: false }, 0);
    expect(metricOver('latency_p95_ms', [counts], 0)).toBeGreaterThanOrEqual(5_000);
  });

  it('requests_per_second is taken over the time an instance has been there, at most the window', () => {
    const [old, recent] = [new TrafficCounts(0), new TrafficCounts(90_000)];
    for (let count = 0; count < 600; count += 1) old.count(QUICK, 95_000);
    for (let count = 0; count < 100; count += 1) recent.count(QUICK, 95_000);
    expect(metricOver('requests_per_second', [old], 100_000)).toBe(10);
    expect(metricOver('requests_per_second', [recent], 100_000)).toBe(10);
    expect(metricOver('requests_per_second', [old, recent], 100_000)).toBe(20);
  });

  it('requests_per_second makes no peak of the first request of an instance', () => {
    const counts = new TrafficCounts(0);
    counts.count(QUICK, 10);
    expect(metricOver('requests_per_second', [counts], 20)).toBe(1);
  });
});
