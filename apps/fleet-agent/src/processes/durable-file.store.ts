import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Replaces a file as a whole: after a crash at any moment there is the old text or the new one, and
 * once this has resolved it is the new one. Readable by its owner alone: it may hold tokens.
 */
export async function writeDurably(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const beside = `${path}.${process.pid}.tmp`;
  const file = await open(beside, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  await syncFolder(folder);
}

/** The file's text; null when there is none. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

/** Without this the new name itself could be lost with the power. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * One file that is written again and again. Writes that are asked for while one is under way are
 * one write; each caller waits for a write that began after its own change.
 */
export class DurableFile {
  readonly #path: string;
  readonly #textNow: () => string;
  #writing: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  /** @param textNow asked at the moment of writing */
  constructor(path: string, textNow: () => string) {
    this.#path = path;
    this.#textNow = textNow;
  }

  save(): Promise<void> {
    if (this.#writing === null) {
      this.#writing = this.#write();
      return this.#writing;
    }
    this.#next ??= this.#writing.catch(() => undefined).then(() => this.#write());
    return this.#next;
  }

  async #write(): Promise<void> {
    try {
      await writeDurably(this.#path, this.#textNow());
    } finally {
      this.#writing = this.#next;
      this.#next = null;
    }
  }
}
