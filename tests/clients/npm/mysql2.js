// mysql2: both protocols, pool, TLS, compression, several statements, named
// placeholders, numbers beyond 2^53, dates as text and as Date, COM_CHANGE_USER.
import mysql from 'mysql2/promise';
import { Readable } from 'node:stream';
import { server, equal, fails, run } from './server.js';

const big = '18446744073709551615';

async function types(c, how) {
  await c.query('DROP TABLE IF EXISTS t');
  await c.query(`CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, big BIGINT UNSIGNED, d DECIMAL(30,10), f DOUBLE, s VARCHAR(50),
    b VARBINARY(50), at DATETIME(6), day DATE, tm TIME(3), y YEAR, j JSON, e ENUM('x', 'y'), m SET('p', 'q'), bits BIT(10), text LONGTEXT)`);
  const row = [big, '-12345678901234567890.0123456789', 0.1, 'é一😀\'"\\', Buffer.from([0, 255, 10, 39]), '2024-02-29 23:59:59.123456', '0999-12-31', '-838:59:58.123',
    1999, JSON.stringify({ a: [1, null, 'x'] }), 'y', 'p,q', Buffer.from([2, 1]), 'l'.repeat(70000)];
  const [done] = await c[how]('INSERT INTO t (big, d, f, s, b, at, day, tm, y, j, e, m, bits, text) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)', row);
  equal([done.insertId, done.affectedRows], [1, 1], `${how}: what INSERT tells`);
  const [[got]] = await c[how]('SELECT * FROM t WHERE id = ?', [1]);
  equal(got, { id: 1, big, d: row[1], f: 0.1, s: row[3], b: row[4], at: row[5], day: row[6], tm: row[7], y: 1999, j: { a: [1, null, 'x'] }, e: 'y', m: 'p,q',
    bits: row[12], text: row[13] }, `${how}: every type`);
  const [[dates]] = await c[how]({ sql: 'SELECT at, day, CAST(NULL AS DATETIME) AS none FROM t', typeCast: true });
  equal(dates, { at: row[5], day: row[6], none: null }, `${how}: dates as text`);
}

run(async () => {
  const options = { ...server, supportBigNumbers: true, bigNumberStrings: true, dateStrings: true, namedPlaceholders: true };
  const root = await mysql.createConnection(options);
  await root.query('DROP DATABASE IF EXISTS node');
  await root.query('CREATE DATABASE node');
  await root.changeUser({ database: 'node' });
  equal((await root.query('SELECT DATABASE() AS d'))[0], [{ d: 'node' }], 'COM_CHANGE_USER');
  for (const more of [{}, { compress: true }, { ssl: { rejectUnauthorized: false } }, { flags: ['FOUND_ROWS'] }]) {
    const c = await mysql.createConnection({ ...options, database: 'node', ...more });
    await types(c, 'query');
    await types(c, 'execute');
    const [same] = await c.query("UPDATE t SET e = 'y'");
    equal([same.affectedRows, same.changedRows], [1, 0], 'rows found, rows changed');
    if (more.ssl) equal((await c.query("SHOW STATUS LIKE 'Ssl_version'"))[0][0].Value, 'TLSv1.3', 'TLS');
    await c.end();
  }
  const [[named]] = await root.execute('SELECT :a + :b AS sum, :a AS a', { a: 2, b: 3 });
  equal([Number(named.sum), Number(named.a)], [5, 2], 'named placeholders');

  const utc = await mysql.createConnection({ ...server, database: 'node', timezone: 'Z' });
  const at = new Date(Date.UTC(2024, 1, 29, 12, 30, 45, 678));
  await utc.query('CREATE TABLE times (a DATETIME(3), b TIMESTAMP(3) NULL)');
  await utc.query("SET time_zone = '+00:00'");
  await utc.query('INSERT INTO times VALUES (?, ?)', [at, at]);
  await utc.execute('INSERT INTO times VALUES (?, ?)', [at, at]);
  equal((await utc.execute('SELECT * FROM times'))[0], [{ a: at, b: at }, { a: at, b: at }], 'Date and back');

  const multi = await mysql.createConnection({ ...server, database: 'node', multipleStatements: true });
  const [results, fields] = await multi.query("SELECT 1 AS a; INSERT INTO times VALUES (NULL, NULL); SELECT 'x' AS b, 2 AS c");
  equal([results[0], results[1].affectedRows, results[2]], [[{ a: 1 }], 1, [{ b: 'x', c: 2 }]], 'several statements');
  equal([fields[0][0].name, fields[1], fields[2].map(f => f.name)], ['a', undefined, ['b', 'c']], 'their columns');
  await fails(multi.query('SELECT 1; SELECT * FROM nowhere; SELECT 2'), 1146, 'the second of three');
  await fails(root.query('SELECT 1; SELECT 2'), 1064, 'several statements that were not asked for');
  equal((await multi.query({ sql: 'SELECT 1 AS a, 2 AS a', rowsAsArray: true }))[0], [[1, 2]], 'rows as arrays');

  await root.query('SET GLOBAL local_infile = 1');
  await root.query('CREATE TABLE list (a INT, b VARCHAR(20))');
  const [loaded] = await root.query({ sql: "LOAD DATA LOCAL INFILE 'x' INTO TABLE list FIELDS TERMINATED BY ','", infileStreamFactory: () => Readable.from([Buffer.from('1,one\n2,'), Buffer.from('two\n')]) });
  equal(loaded.affectedRows, 2, 'LOCAL INFILE');
  await fails(root.query("LOAD DATA LOCAL INFILE 'x' INTO TABLE nowhere"), 1146, 'LOCAL INFILE into no table');
  const many = Array.from({ length: 2000 }, (_, i) => [i, `row ${i}`]);
  equal((await root.query('INSERT INTO list VALUES ?', [many]))[0].affectedRows, 2000, 'a list of rows');

  let streamed = 0;
  await new Promise((resolve, reject) => root.connection.query('SELECT * FROM list').stream().on('data', () => streamed++).on('end', resolve).on('error', reject));
  equal(streamed, 2002, 'a stream');
  for (let i = 0; i < 40; i++) await root.execute(`SELECT ${i} + ?`, [i]);
  const statement = await root.prepare('SELECT b FROM list WHERE a = ? ORDER BY b');
  equal((await statement.execute([1]))[0].map(r => r.b), ['one', 'row 1'], 'a statement of one’s own');
  await statement.close();

  const pool = mysql.createPool({ ...server, database: 'node', connectionLimit: 4 });
  const sums = await Promise.all(Array.from({ length: 20 }, (_, i) => pool.execute('SELECT SLEEP(0.01), ? AS i', [i])));
  equal(sums.map(([[r]]) => Number(r.i)), Array.from({ length: 20 }, (_, i) => i), 'a pool');
  const c = await pool.getConnection();
  await c.beginTransaction();
  await c.query('DELETE FROM list');
  await c.rollback();
  equal((await c.query('SELECT COUNT(*) AS n FROM list'))[0], [{ n: 2002 }], 'ROLLBACK');
  await fails(c.query({ sql: 'SELECT SLEEP(20)', timeout: 100 }).catch(e => { throw Object.assign(e, { errno: e.code }); }), 'PROTOCOL_SEQUENCE_TIMEOUT', 'a time-out of the client');
  c.destroy();
  await pool.end();
  await fails(mysql.createConnection({ ...server, user: 'nobody', password: 'x' }), 1045, 'a wrong password');
  await root.query("CREATE USER sha IDENTIFIED WITH caching_sha2_password BY 'p', old IDENTIFIED WITH mysql_native_password BY 'q'");
  for (const [user, password] of [['sha', 'p'], ['old', 'q']]) {
    const u = await mysql.createConnection({ ...server, user, password });
    await u.ping();
    await u.end();
  }
  await root.query('GRANT ALL ON node.* TO old');
  await root.changeUser({ user: 'old', password: 'q', database: '' });
  equal((await root.query('SELECT CURRENT_USER() AS u'))[0], [{ u: 'old@%' }], 'COM_CHANGE_USER to another account');
  await Promise.all([root.end(), utc.end(), multi.end()]);
});
