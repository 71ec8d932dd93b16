import {
  Body,
  ConflictException,
  Controller,
  Delete,
  Get,
  HttpCode,
  NotFoundException,
  Param,
  Put,
} from '@nestjs/common';
import { z } from 'zod';
import { Artifacts, BackupMessage, FleetName } from '#targets/agent-contract.js';
import { AGENT_LIMITS, BACKUPS_MAX } from '#targets/target-limits.js';
import type { SetInfo } from '#targets/target.driver.js';
import { FLEET_LIMITS } from '../fleet-agent-limits.js';
import { isShownAdmitted, setsOf, type FleetRecord } from '../fleet/fleet-record.js';
import { FleetConflictError, Fleets } from '../fleet/fleets.runner.js';
import { FleetsStore } from '../fleet/fleets.store.js';

const DeclareRequest = z.strictObject({
  instances: z.number().int().min(1).max(FLEET_LIMITS.instancesMax),
  version: z.string().min(1).max(AGENT_LIMITS.versionMaxChars),
  artifacts: Artifacts,
  trafficPort: z.number().int().min(0).max(65_535).optional(),
  backups: z.array(BackupMessage).max(BACKUPS_MAX).optional(),
});
type DeclareRequest = z.infer<typeof DeclareRequest>;

/** A fleet as it is shown; where each instance's process is, is nobody's business outside. */
interface FleetView {
  readonly name: string;
  readonly trafficPort: number;
  readonly version: string;
  readonly sets: readonly SetInfo[];
  readonly share: FleetRecord['share'];
  readonly backups: FleetRecord['backups'];
  /** Of all sets. */
  readonly instances: readonly {
    readonly id: string;
    readonly set: string;
    readonly admitted: boolean;
    readonly launchedVersion: string | null;
  }[];
}

const Name = () => Param('name', { schema: FleetName });

/** What stands beside the contract: which fleets there are. */
@Controller('fleets')
export class FleetsController {
  readonly #fleets: Fleets;
  readonly #store: FleetsStore;

  constructor(fleets: Fleets, store: FleetsStore) {
    this.#fleets = fleets;
    this.#store = store;
  }

  @Get()
  all(): { fleets: FleetView[] } {
    return { fleets: this.#store.all.map(viewOf) };
  }

  @Get(':name')
  one(@Name() name: string): FleetView {
    const fleet = this.#store.find(name);
    if (fleet === undefined) throw new NotFoundException(`there is no fleet ${name}`);
    return viewOf(fleet);
  }

  /** Answers when all its instances listen. */
  @Put(':name')
  async declare(
    @Name() name: string,
    @Body({ schema: DeclareRequest }) declared: DeclareRequest,
  ): Promise<FleetView> {
    try {
      return viewOf(await this.#fleets.declare(name, declared));
    } catch (error) {
      if (error instanceof FleetConflictError) throw new ConflictException(error.message);
      throw error;
    }
  }

  @Delete(':name')
  @HttpCode(204)
  async remove(@Name() name: string): Promise<void> {
    if (await this.#fleets.remove(name)) return;
    throw new NotFoundException(`there is no fleet ${name}`);
  }

  @Delete(':name/instances/:id')
  @HttpCode(204)
  async removeInstance(@Name() name: string, @Param('id') id: string): Promise<void> {
    if (await this.#fleets.removeInstance(name, id)) return;
    throw new NotFoundException(`there is no instance ${id} of ${name}`);
  }
}

function viewOf(fleet: FleetRecord): FleetView {
  const { name, trafficPort, version, share, backups, instances } = fleet;
  return {
    name,
    trafficPort,
    version,
    sets: setsOf(fleet),
    share,
    backups,
    instances: instances.map((instance) => ({
      id: instance.id,
      set: instance.set,
      admitted: isShownAdmitted(fleet, instance),
      launchedVersion: instance.launch?.version ?? null,
    })),
  };
}
