console.error('cannot open the database: no such table: prices');
process.exit(3);
