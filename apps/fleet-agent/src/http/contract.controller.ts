import {
  Body,
  Controller,
  Get,
  HttpCode,
  NotFoundException,
  Param,
  Post,
  ServiceUnavailableException,
} from '@nestjs/common';
import {
  AddressRequest,
  FleetName,
  ListRequest,
  MetricRequest,
  PollRequest,
  RoomRequest,
  SetPollRequest,
  SetSubmitRequest,
  SubmitRequest,
  type BackupMessage,
} from '#targets/agent-contract.js';
import type {
  Capabilities,
  ListPage,
  OperationState,
  RoomCount,
  SetInfo,
} from '#targets/target.driver.js';
import { portOf, setsOf, type FleetRecord } from '../fleet/fleet-record.js';
import { FleetsStore } from '../fleet/fleets.store.js';
import { HealthProbe } from '../fleet/health.probe.js';
import { Operations } from '../fleet/operations.runner.js';
import { SetOperations } from '../fleet/set-operations.runner.js';
import { list, room } from '../fleet/survey.js';
import { EdgeProxy, ProxyUnreachableError } from '../proxy/edge-proxy.client.js';
import { METRICS } from '../proxy/traffic-counts.js';

const Fleet = () => Param('fleet', { schema: FleetName });

/** The `agent` contract over this agent's fleets. */
@Controller('v1/fleets/:fleet')
export class ContractController {
  readonly #store: FleetsStore;
  readonly #operations: Operations;
  readonly #setOperations: SetOperations;
  readonly #probe: HealthProbe;
  readonly #proxy: EdgeProxy;

  constructor(
    store: FleetsStore,
    operations: Operations,
    setOperations: SetOperations,
    probe: HealthProbe,
    proxy: EdgeProxy,
  ) {
    this.#store = store;
    this.#operations = operations;
    this.#setOperations = setOperations;
    this.#probe = probe;
    this.#proxy = proxy;
  }

  @Get('capabilities')
  capabilities(@Fleet() fleet: string): Capabilities {
    this.#find(fleet);
    return { sets: true, weights: true, backups: true, metrics: true };
  }

  @Post('list')
  @HttpCode(200)
  list(
    @Fleet() fleet: string,
    @Body({ schema: ListRequest }) query: ListRequest,
  ): Promise<ListPage> {
    return list(this.#find(fleet), query, this.#probe);
  }

  @Post('room')
  @HttpCode(200)
  room(
    @Fleet() fleet: string,
    @Body({ schema: RoomRequest }) { except }: RoomRequest,
  ): Promise<RoomCount> {
    return room(this.#find(fleet), { except, spare: this.#store.spare }, this.#probe);
  }

  @Post('operations')
  @HttpCode(200)
  async submit(
    @Fleet() fleet: string,
    @Body({ schema: SubmitRequest }) asked: SubmitRequest,
  ): Promise<{ operations: OperationState[] }> {
    this.#find(fleet);
    return { operations: await this.#operations.submit(fleet, asked) };
  }

  @Post('operations/poll')
  @HttpCode(200)
  async poll(
    @Fleet() fleet: string,
    @Body({ schema: PollRequest }) asked: PollRequest,
  ): Promise<{ operations: OperationState[] }> {
    this.#find(fleet);
    return { operations: await this.#operations.poll(fleet, asked) };
  }

  @Get('sets')
  sets(@Fleet() fleet: string): { sets: SetInfo[] } {
    return { sets: setsOf(this.#find(fleet)) };
  }

  @Post('sets/operations')
  @HttpCode(200)
  async submitSet(
    @Fleet() fleet: string,
    @Body({ schema: SetSubmitRequest }) asked: SetSubmitRequest,
  ): Promise<{ operation: OperationState }> {
    this.#find(fleet);
    return { operation: await this.#setOperations.submit(fleet, asked) };
  }

  @Post('sets/operations/poll')
  @HttpCode(200)
  async pollSet(
    @Fleet() fleet: string,
    @Body({ schema: SetPollRequest }) asked: SetPollRequest,
  ): Promise<{ operation: OperationState }> {
    this.#find(fleet);
    return { operation: await this.#setOperations.poll(fleet, asked) };
  }

  @Get('backups')
  backups(@Fleet() fleet: string): { backups: BackupMessage[] } {
    const { backups } = this.#find(fleet);
    const latestFirst = backups.toSorted((a, b) => Date.parse(b.takenAt) - Date.parse(a.takenAt));
    return { backups: latestFirst };
  }

  @Post('metric')
  @HttpCode(200)
  async metric(
    @Fleet() fleet: string,
    @Body({ schema: MetricRequest }) { query, ids }: MetricRequest,
  ): Promise<{ value: number | null }> {
    this.#find(fleet);
    const metric = METRICS.find((known) => known === query);
    if (metric === undefined) return { value: null };
    try {
      return { value: await this.#proxy.metric(fleet, metric, ids) };
    } catch (error) {
      if (!(error instanceof ProxyUnreachableError)) throw error;
      throw new ServiceUnavailableException('the edge proxy, which counts, cannot be asked');
    }
  }

  @Post('address')
  @HttpCode(200)
  address(
    @Fleet() fleet: string,
    @Body({ schema: AddressRequest }) { set }: AddressRequest,
  ): { url: string | null } {
    const record = this.#find(fleet);
    const port = portOf(record, set ?? record.live);
    return { url: port === null ? null : `http://127.0.0.1:${port}` };
  }

  #find(fleet: string): FleetRecord {
    const record = this.#store.find(fleet);
    if (record === undefined) throw new NotFoundException(`there is no fleet ${fleet}`);
    return record;
  }
}
