import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { EdgeProxy } from '../proxy/edge-proxy.client.js';

@Controller()
export class HealthController {
  readonly #proxy: EdgeProxy;

  constructor(proxy: EdgeProxy) {
    this.#proxy = proxy;
  }

  @Get('livez')
  live(): { status: string } {
    return { status: 'ok' };
  }

  /** Ready: what was kept is read, and the edge proxy lives. */
  @Get('readyz')
  async ready(): Promise<{ status: string }> {
    if (await this.#proxy.lives()) return { status: 'ok' };
    throw new ServiceUnavailableException('the edge proxy does not run');
  }
}
