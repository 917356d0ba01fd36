<?php

// Sends to a channel and goes: sender.php HOST PORT USER PASSWORD CHANNEL DATA [NUMBER_OF_RECEIVER]

declare(strict_types=1);

require __DIR__ . '/common.php';

$socket = connect($argv);
$more = isset($argv[7]) ? ['number_of_receiver' => (int) $argv[7]] : [];
$socket->send(command('send-message', $argv[5], json_decode($argv[6]), $more));
$socket->close();
echo "sent\n";
