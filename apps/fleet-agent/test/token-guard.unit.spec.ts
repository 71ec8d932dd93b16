import { describe, expect, it } from '@jest/globals';
import type { ExecutionContext } from '@nestjs/common';
import { TokenGuard } from '../src/http/token-guard.js';

describe('the token', () => {
  const asks = (authorization: string | undefined, url = '/v1/fleets') => {
    const request = { url, headers: { authorization } };
    const context = { switchToHttp: () => ({ getRequest: () => request }) };
    return () => new TokenGuard('secret').canActivate(context as unknown as ExecutionContext);
  };

  it('is the whole of it', () => {
    expect(asks('Bearer secret')()).toBe(true);
    for (const wrong of [undefined, '', 'Bearer', 'Bearer secre', 'Bearer secrets', 'secret']) {
      expect(asks(wrong)).toThrow('the token is missing or wrong');
    }
  });

  it('is not asked for where a supervisor looks, and nowhere else', () => {
    expect(asks(undefined, '/readyz?x=1')()).toBe(true);
    expect(asks(undefined, '/v1/readyz')).toThrow();
  });
});
