// The mariadb connector: batches (without COM_STMT_BULK_EXECUTE, which MySQL
// has not), pipelined statements, prepared ones, streams, reset of a pool's
// connections, compression, TLS.
import mariadb from 'mariadb';
import { server, equal, fails, run } from './server.js';

async function use(options) {
  const c = await mariadb.createConnection({ ...server, database: 'maria', allowPublicKeyRetrieval: true, ...options });
  await c.query('DROP TABLE IF EXISTS t');
  await c.query('CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY, s VARCHAR(100), d DECIMAL(20,5), at DATETIME(6), b BLOB, f DOUBLE, j JSON)');
  const at = new Date(2024, 1, 29, 12, 30, 45, 678);
  const rows = Array.from({ length: 500 }, (_, i) => [`s'${i}"\\`, `${i}.12345`, at, Buffer.from([i & 255, 0, 39]), i / 7, JSON.stringify({ i })]);
  const sql = 'INSERT INTO t (s, d, at, b, f, j) VALUES (?, ?, ?, ?, ?, ?)';
  const done = await c.batch({ sql, fullResult: false }, rows);
  equal([done.affectedRows, Number(done.insertId)], [500, 1], 'a batch');
  const last = rows[499];
  for (const how of ['query', 'execute']) {
    const [got] = await c[how]('SELECT s, d, at, b, f, j FROM t WHERE id = ?', [500]);
    equal({ ...got, j: typeof got.j === 'string' ? JSON.parse(got.j) : got.j }, { s: last[0], d: last[1], at, b: last[3], f: 499 / 7, j: { i: 499 } }, `${how}: a row`);
  }
  const statement = await c.prepare('SELECT COUNT(*) AS n FROM t WHERE id <= ?');
  equal((await Promise.all([1, 2, 3].map(i => statement.execute([i])))).map(([r]) => Number(r.n)), [1, 2, 3], 'a prepared statement, pipelined');
  statement.close();
  const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => c.query('SELECT ? AS i', [i])));
  equal(answers.map(([r]) => Number(r.i)), Array.from({ length: 30 }, (_, i) => i), 'pipelined queries');
  await fails(c.batch(sql, [['a', 1, at, null, 0, '{}'], ['b', 'x', at, null, 0, '{']]), 1366, 'a batch with a wrong number');
  let n = 0;
  for await (const row of c.queryStream('SELECT * FROM t')) n += row ? 1 : 0;
  equal(n >= 500, true, 'a stream');
  await c.beginTransaction();
  await c.query('DELETE FROM t');
  await c.rollback();
  equal(Number((await c.query('SELECT COUNT(*) AS n FROM t'))[0].n), n, 'ROLLBACK');
  await c.query('SET @v = 1');
  await c.reset();
  equal((await c.query('SELECT @v AS v'))[0].v, null, 'COM_RESET_CONNECTION');
  equal((await c.query({ namedPlaceholders: true, sql: 'SELECT :a AS a' }, { a: 'x' }))[0].a, 'x', 'named placeholders');
  equal((await c.query({ rowsAsArray: true, sql: 'SELECT 1, 1' }))[0].map(Number), [1, 1], 'rows as arrays');
  await c.end();
}

run(async () => {
  const root = await mariadb.createConnection({ ...server, multipleStatements: true });
  equal(root.serverVersion().startsWith('8.0.'), true, 'the version');
  await root.query('DROP DATABASE IF EXISTS maria');
  await root.query('CREATE DATABASE maria');
  await use({});
  await use({ compress: true });
  await use({ ssl: { rejectUnauthorized: false } });
  await use({ bulk: false, pipelining: false, timezone: 'local' });
  const several = await root.query('SELECT 1 AS a; SELECT 2 AS b');
  equal(several.map(r => Object.values(r[0]).map(Number)), [[1], [2]], 'several statements');
  const pool = mariadb.createPool({ ...server, database: 'maria', connectionLimit: 3, resetAfterUse: true });
  equal((await Promise.all(Array.from({ length: 12 }, (_, i) => pool.query('SELECT SLEEP(0.01), ? AS i', [i])))).map(([r]) => Number(r.i)).length, 12, 'a pool');
  await pool.end();
  await fails(root.query('SELECT * FROM maria.nowhere'), 1146, 'no such table');
  await root.query("CREATE USER m IDENTIFIED BY 'p'");
  const c = await mariadb.createConnection({ ...server, user: 'm', password: 'p', allowPublicKeyRetrieval: true });
  await c.ping();
  await c.end();
  await root.end();
});
