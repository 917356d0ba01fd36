<?php

// wss: drc_tls.php HOST:PORT ORIGIN DIRECTORY, in which a certificate is made.
//
// TLS ends in a child process of this script, which hands the bytes on to HOST:PORT.

declare(strict_types=1);

require __DIR__ . '/expect.php';

use Fantail\Drc\Client;
use Fantail\Drc\Session;
use Fantail\WebSocket\ConnectException;

[, $backend, $origin, $directory] = $argv;

// A certificate that signs itself.
$file = "$directory/localhost.pem";
$key = openssl_pkey_new(['private_key_type' => OPENSSL_KEYTYPE_EC, 'curve_name' => 'prime256v1']);
$request = openssl_csr_new(['commonName' => 'localhost'], $key, ['digest_alg' => 'sha256']);
openssl_x509_export(openssl_csr_sign($request, null, $key, 1, ['digest_alg' => 'sha256']), $certificate);
openssl_pkey_export($key, $private);
file_put_contents($file, $certificate . $private);

$pipes = [];
$command = [PHP_BINARY, __DIR__ . '/tls_proxy.php', $backend, $file];
$proxy = proc_open($command, [1 => ['pipe', 'w']], $pipes);
register_shutdown_function(static function () use ($proxy): void {
    proc_terminate($proxy, 9);
});
$port = trim(fgets($pipes[1]));

expect_exception(ConnectException::class, 'ertificate', fn () => new Client("wss://localhost:$port", $origin));
$options = Session::options($origin);
$options->tls = ['cafile' => $file];
expect_exception(
    ConnectException::class,
    '127.0.0.1',
    fn () => new Client("wss://127.0.0.1:$port", $origin, options: $options),
);
$client = new Client("wss://localhost:$port", $origin, options: $options);
$channel = $client->join('tls', 'test');
foreach ([1, 20_000, 5_000_000] as $length) {
    $text = str_repeat('x', $length);
    $client->send($channel, 'echo', $client->id(), ['text' => $text]);
    expect(true, $client->receive(10.0)->data['text'] === $text, "$length bytes");
}
for ($number = 0; $number < 500; ++$number) {
    $client->send($channel, 'count', $client->id(), ['number' => $number]);
}
for ($number = 0; $number < 500; ++$number) {
    expect($number, $client->receive(5.0)->data['number'], 'in order');
}
$client->close();

$drc = new DRCClient();
$result = $drc->Connect("wss://localhost:$port", $origin, ['sslopts' => ['cafile' => $file, 'auto_cainfo' => true]]);
expect(['success' => true], $result, 'the old names');
expect(true, $drc->JoinChannel('tls', 'test', false, true)['success'], 'the old names');
$drc->Disconnect();
echo "done\n";
