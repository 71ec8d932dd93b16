/**
 * Into how many shards the work of a service falls. Fixed: rows carry their shard, so another
 * number would be a migration. Sixteen can be shared evenly by up to sixteen replicas.
 */
export const SHARDS = 16;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * The shard of a subject, 0 to `shards` - 1: FNV-1a over the UUID's text. The same on every
 * replica and for ever, because rows written years ago must still be found by their owner.
 */
export function shardOf(subject: string, shards: number): number {
  let hash = FNV_OFFSET;
  // A UUID in capitals is the same UUID.
  for (const character of subject.toLowerCase()) {
    hash = Math.imul(hash ^ character.charCodeAt(0), FNV_PRIME);
  }
  // The low bits alone would never see the high bits of a character: fold them in.
  return ((hash ^ (hash >>> 16)) >>> 0) % shards;
}
