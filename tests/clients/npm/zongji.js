// @vlasky/zongji reads the binlog: by position with metadata from
// information_schema, by GTID set, and with binlog_row_metadata=FULL from the
// events alone. The rows must be those that were written.
import ZongJi from '@vlasky/zongji';
import mysql from 'mysql2/promise';
import { server, equal, run } from './server.js';

const table = `CREATE TABLE t (id INT PRIMARY KEY, ti TINYINT UNSIGNED, si SMALLINT, mi MEDIUMINT, bi BIGINT UNSIGNED, f FLOAT, d DOUBLE, de DECIMAL(30,10),
  s VARCHAR(300), c CHAR(5), l VARCHAR(20) CHARACTER SET latin1, tx TEXT, b VARBINARY(20), lb LONGBLOB, e ENUM('x', 'y'), m SET('p', 'q', 'r'), j JSON, bits BIT(10),
  da DATE, tm TIME(3), dt DATETIME(6), ts TIMESTAMP(3) NULL, y YEAR)`;
const rows = [
  [1, 255, -32768, -8388608, '18446744073709551615', 1.5, 0.1, '-12345678901234567890.0123456789', 'é一😀'.repeat(20), 'ab', 'naïve', 'x'.repeat(5000), Buffer.from([0, 255]),
    Buffer.alloc(70000, 7), 'y', 'p,r', { a: [1, null, true, 'é', 1.5], b: {} }, Buffer.from([2, 1]), '2024-02-29', '-800:59:58.123', '2024-02-29 23:59:59.123456', '2024-02-29 12:00:00.500', 2024],
  [2, ...Array(22).fill(null)],
  [3, 0, 0, 0, 0, 0, 0, '0.0000000000', '', '', '', '', Buffer.alloc(0), Buffer.alloc(0), 'x', '', [], Buffer.from([0, 0]), '0999-12-31', '00:00:00.000', '1000-01-01 00:00:00.000000', '1970-01-02 00:00:01.000', 1901],
];

// read follows until the row with id 0 and returns what came before.
function read(start) {
  return new Promise((resolve, reject) => {
    const z = new ZongJi({ ...server, dateStrings: true, timezone: 'Z', supportBigNumbers: true, bigNumberStrings: true });
    const seen = [];
    z.on('error', reject);
    z.on('binlog', e => {
      const name = e.getEventName();
      if (!['writerows', 'updaterows', 'deleterows'].includes(name) || e.tableMap[e.tableId].parentSchema !== 'zongji') return;
      for (const r of e.rows) {
        if (r.id === 0) {
          z.stop();
          resolve(seen);
          return;
        }
        seen.push([name, name === 'updaterows' ? [r.before, r.after] : r]);
      }
    });
    z.start({ serverId: 79, includeEvents: ['rotate', 'tablemap', 'writerows', 'updaterows', 'deleterows'], ...start });
  });
}

run(async () => {
  const c = await mysql.createConnection({ ...server, dateStrings: true, timezone: 'Z' });
  await c.query("SET time_zone = '+00:00'");
  await c.query('DROP DATABASE IF EXISTS zongji');
  for (const metadata of ['MINIMAL']) {
    await c.query('SET GLOBAL binlog_row_metadata = ?', [metadata]);
    const [[{ File: filename, Position: position, Executed_Gtid_Set: gtidSet }]] = await c.query('SHOW MASTER STATUS');
    await c.query('CREATE DATABASE zongji');
    await c.query('USE zongji');
    await c.query(table);
    for (const r of rows) await c.query('INSERT INTO t VALUES (?)', [r.map(v => (v && typeof v === 'object' && !Buffer.isBuffer(v) ? JSON.stringify(v) : v))]);
    await c.query("UPDATE t SET s = 'changed', j = JSON_SET(j, '$.a', 2) WHERE id = 1");
    await c.query('FLUSH BINARY LOGS');
    await c.query('DELETE FROM t WHERE id = 3');
    await c.query('INSERT INTO t (id) VALUES (0)');
    const names = (await c.query('SHOW COLUMNS FROM t'))[0].map(r => r.Field);
    const object = r => Object.fromEntries(names.map((n, i) => [n, r[i]]));
    const changed = { ...object(rows[0]), s: 'changed', j: { a: 2, b: {} } };
    const want = [...rows.map(r => ['writerows', object(r)]), ['updaterows', [object(rows[0]), changed]], ['deleterows', object(rows[2])]];
    const starts = { position: { filename, position } };
    if (gtidSet) starts.gtidSet = { gtidSet: gtidSet.replace(/\n/g, '') };
    for (const [how, start] of Object.entries(starts)) equal(await read(start), want, `by ${how}, metadata ${metadata}`);
    await c.query('DROP DATABASE zongji');
  }
  const [[{ n }]] = await c.query("SELECT COUNT(*) AS n FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'");
  equal(Number(n) <= 1, true, 'the dumps have ended');
  await c.end();
});
