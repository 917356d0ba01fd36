<?php

// Ends TLS, for one client after the other: tls_proxy.php HOST:PORT CERTIFICATE. Prints its port.

declare(strict_types=1);

[, $backend, $certificate] = $argv;
$context = stream_context_create(['ssl' => ['local_cert' => $certificate]]);
$flags = STREAM_SERVER_BIND | STREAM_SERVER_LISTEN;
$listener = stream_socket_server('tcp://127.0.0.1:0', $code, $reason, $flags, $context);
echo explode(':', stream_socket_get_name($listener, false))[1], "\n";

while ($client = stream_socket_accept($listener, 20.0)) {
    stream_set_timeout($client, 5);
    if (@stream_socket_enable_crypto($client, true, STREAM_CRYPTO_METHOD_TLS_SERVER) !== true) {
        fclose($client);
        continue;
    }
    $server = stream_socket_client("tcp://$backend");
    $others = [(int) $client => $server, (int) $server => $client];
    stream_set_blocking($client, false);
    stream_set_blocking($server, false);
    $waiting = [(int) $client => '', (int) $server => ''];
    while (!feof($client) && !feof($server)) {
        $readable = [$client, $server];
        $writable = array_filter([$client, $server], static fn ($stream) => $waiting[(int) $stream] !== '');
        $none = [];
        stream_select($readable, $writable, $none, 1);
        foreach ($readable as $stream) {
            while (($part = fread($stream, 65536)) !== '' && $part !== false) {
                $waiting[(int) $others[(int) $stream]] .= $part;
            }
        }
        foreach ([$client, $server] as $stream) {
            $written = $waiting[(int) $stream] === '' ? 0 : (int) @fwrite($stream, $waiting[(int) $stream]);
            $waiting[(int) $stream] = substr($waiting[(int) $stream], $written);
        }
    }
    fclose($client);
    fclose($server);
}
