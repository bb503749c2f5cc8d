// What the programs share: the server's address, comparisons that name what is
// wrong. A wrong result ends the program with exit code 1.
import assert from 'node:assert/strict';

export const server = { host: '127.0.0.1', port: Number(process.env.BINRELAY_PORT), user: 'root', password: '' };

export function equal(got, want, what) {
  assert.deepStrictEqual(plain(got), plain(want), what);
  console.log(`ok: ${what}`);
}

export async function fails(promise, errno, what) {
  const err = await promise.then(() => null, e => e);
  const code = err && (err.errno ?? err.original?.errno ?? err.parent?.errno ?? err.driverError?.errno);
  assert.equal(code, errno, `${what}: ${err}`);
  console.log(`ok: ${what}: error ${errno}`);
}

// plain makes rows of whatever class comparable.
function plain(v) {
  if (v instanceof Date || Buffer.isBuffer(v) || v === null || typeof v !== 'object') return v;
  if (Array.isArray(v)) return Array.from(v, plain);
  return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, plain(x)]));
}

// run executes a program and sees that it ends.
export async function run(program) {
  const late = setTimeout(() => { console.error('it does not end'); process.exit(1); }, 60000);
  try {
    await program();
  } catch (err) {
    console.error(err);
    process.exit(1);
  }
  clearTimeout(late);
}
