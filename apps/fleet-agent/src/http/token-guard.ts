import { timingSafeEqual } from 'node:crypto';
import { UnauthorizedException, type CanActivate, type ExecutionContext } from '@nestjs/common';

/** Where no token is asked for: a supervisor has none. */
const OPEN_PATHS = new Set(['/livez', '/readyz', '/metrics']);

/** Lets only those in who carry the configured token; without one configured, everybody. */
export class TokenGuard implements CanActivate {
  readonly #expected: Buffer | null;

  constructor(token: string | undefined) {
    this.#expected = token === undefined ? null : Buffer.from(`Bearer ${token}`);
  }

  canActivate(context: ExecutionContext): boolean {
    const { url, headers } = context
      .switchToHttp()
      .getRequest<{ url: string; headers: { authorization?: string } }>();
    if (this.#expected === null || OPEN_PATHS.has(url.split('?')[0] ?? '')) return true;
    const found = Buffer.from(headers.authorization ?? '');
    const isRight =
      found.length === this.#expected.length && timingSafeEqual(found, this.#expected);
    if (!isRight) throw new UnauthorizedException('the token is missing or wrong');
    return true;
  }
}
