<?php

// A server that breaks the rules, since a real one does not: fake_server.php RESPONSE [HEX]
//
// Prints where it listens, and answers its one client with RESPONSE, in which ACCEPT stands for
// the right value, and then with the bytes HEX. It ends when the client has.

declare(strict_types=1);

[, $response] = $argv;
$listener = stream_socket_server('tcp://127.0.0.1:0');
echo stream_socket_get_name($listener, false), "\n";
$client = stream_socket_accept($listener, 5.0);
stream_set_timeout($client, 5);
$key = '';
while (($line = trim((string) fgets($client))) !== '') {
    [$name, $value] = explode(':', $line, 2) + [1 => ''];
    $key = $name === 'Sec-WebSocket-Key' ? trim($value) : $key;
}
$accept = base64_encode(sha1("{$key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11", true));
fwrite($client, str_replace(['ACCEPT', '\r\n'], [$accept, "\r\n"], $response));
fwrite($client, hex2bin($argv[2] ?? ''));
if ($response === '') {
    exit;
}
while (!feof($client) && fread($client, 4096) !== '') {
    // Until the client has enough.
}
