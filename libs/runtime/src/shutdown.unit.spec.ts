import { describe, expect, it } from '@jest/globals';
import { silentLog } from './log.js';
import { Shutdown, SHUTDOWN_STAGES } from './shutdown.js';
import { SteppedClock } from './stepped-clock.js';

function scene(): { clock: SteppedClock; shutdown: Shutdown; codes: number[]; done: string[] } {
  const clock = new SteppedClock();
  const codes: number[] = [];
  const shutdown = new Shutdown(1000, clock, silentLog, (code) => codes.push(code));
  return { clock, shutdown, codes, done: [] };
}

describe('shutdown', () => {
  it('goes through its stages in order, whatever the order they were added in', async () => {
    const { clock, shutdown, codes, done } = scene();
    for (const stage of [...SHUTDOWN_STAGES].reverse()) {
      shutdown.at(stage, stage, async () => {
        await clock.sleep(10);
        done.push(stage);
      });
    }
    const ended = shutdown.run('SIGTERM');
    expect(shutdown.isEnding).toBe(true);
    void shutdown.run('again');
    await clock.advance(500);
    await ended;
    expect(done).toEqual(SHUTDOWN_STAGES);
    expect(codes).toEqual([0]);
    await clock.advance(5000);
    expect(codes).toEqual([0]);
  });

  it('runs every step of a stage, side by side, and the next stage after the last of them', async () => {
    const { clock, shutdown, codes, done } = scene();
    const lasting = (name: string, ms: number) => async (): Promise<void> => {
      done.push(`${name} begins`);
      await clock.sleep(ms);
      done.push(`${name} ends`);
    };
    shutdown.at('stopTaking', 'consumer', lasting('consumer', 20));
    shutdown.at('stopTaking', 'work', lasting('work', 10));
    shutdown.at('commit', 'relay', lasting('relay', 10));
    const ended = shutdown.run('SIGTERM');
    await clock.advance(500);
    await ended;
    const taking = ['consumer begins', 'work begins', 'work ends', 'consumer ends'];
    expect(done).toEqual([...taking, 'relay begins', 'relay ends']);
    expect(codes).toEqual([0]);
  });

  it('runs the other steps and stages when one fails, and says so by its code', async () => {
    const { shutdown, codes, done } = scene();
    shutdown.at('commit', 'relay', () => Promise.reject(new Error('broker away')));
    shutdown.at('commit', 'engine', () => {
      throw new Error('at once');
    });
    shutdown.at('giveShardsBack', 'leases', () => {
      done.push('leases');
      return Promise.resolve();
    });
    await shutdown.run('SIGTERM');
    expect(done).toEqual(['leases']);
    expect(codes).toEqual([1]);
  });

  it('ends the process when the limit is over', async () => {
    const { clock, shutdown, codes } = scene();
    shutdown.at('finishWork', 'never', () => new Promise(() => undefined));
    const ended = shutdown.run('SIGTERM');
    await clock.advance(999);
    expect(codes).toEqual([]);
    await clock.advance(1);
    await ended;
    expect(codes).toEqual([1]);
  });

  it('ends at once, without its stages, when something fatal happened', () => {
    const { shutdown, codes, done } = scene();
    shutdown.at('stopTaking', 'never run', () => {
      done.push('ran');
      return Promise.resolve();
    });
    shutdown.fatal('the consumer is dead', new Error('gone'));
    expect(codes).toEqual([1]);
    expect(done).toEqual([]);
  });

  it('begins with the first signal, and ends at once with the second', async () => {
    const { clock, shutdown, codes } = scene();
    shutdown.at('commit', 'relay', () => clock.sleep(500));
    shutdown.listen(['SIGUSR2']);
    process.emit('SIGUSR2');
    await clock.advance(10);
    expect([shutdown.isEnding, codes]).toEqual([true, []]);
    process.emit('SIGUSR2');
    expect(codes).toEqual([1]);
    process.removeAllListeners('SIGUSR2');
  });
});
