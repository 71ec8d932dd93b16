import { Body, Controller, Get, HttpCode, NotFoundException, Param, Post } from '@nestjs/common';
import {
  ListRequest,
  PollRequest,
  RoomRequest,
  SetName,
  SubmitRequest,
} from '#targets/agent-contract.js';
import type { Capabilities, ListPage, OperationState, RoomCount } from '#targets/target.driver.js';
import { FleetsStore } from '../fleet/fleets.store.js';
import { HealthProbe } from '../fleet/health.probe.js';
import type { FleetRecord } from '../fleet/instance-record.js';
import { Operations } from '../fleet/operations.runner.js';
import { list, room } from '../fleet/survey.js';

const Set = () => Param('set', { schema: SetName });

/** The `agent` contract over this agent's fleets; a set is a fleet. */
@Controller('v1/sets/:set')
export class ContractController {
  readonly #store: FleetsStore;
  readonly #operations: Operations;
  readonly #probe: HealthProbe;

  constructor(store: FleetsStore, operations: Operations, probe: HealthProbe) {
    this.#store = store;
    this.#operations = operations;
    this.#probe = probe;
  }

  @Get('capabilities')
  capabilities(@Set() set: string): Capabilities {
    this.#fleet(set);
    return { sets: false, weights: false, backups: false, metrics: false };
  }

  @Post('list')
  @HttpCode(200)
  list(@Set() set: string, @Body({ schema: ListRequest }) query: ListRequest): Promise<ListPage> {
    return list(this.#fleet(set), query, this.#probe);
  }

  @Post('room')
  @HttpCode(200)
  room(@Set() set: string, @Body({ schema: RoomRequest }) asked: RoomRequest): Promise<RoomCount> {
    return room(this.#fleet(set), asked.except, this.#probe);
  }

  @Post('operations')
  @HttpCode(200)
  async submit(
    @Set() set: string,
    @Body({ schema: SubmitRequest }) asked: SubmitRequest,
  ): Promise<{ operations: OperationState[] }> {
    this.#fleet(set);
    return { operations: await this.#operations.submit(set, asked) };
  }

  @Post('operations/poll')
  @HttpCode(200)
  async poll(
    @Set() set: string,
    @Body({ schema: PollRequest }) asked: PollRequest,
  ): Promise<{ operations: OperationState[] }> {
    this.#fleet(set);
    return { operations: await this.#operations.poll(set, asked) };
  }

  #fleet(set: string): FleetRecord {
    const fleet = this.#store.find(set);
    if (fleet === undefined) throw new NotFoundException(`there is no set ${set}`);
    return fleet;
  }
}
